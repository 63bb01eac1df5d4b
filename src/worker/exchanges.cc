// SPDX-License-Identifier: Apache-2.0
#include "worker/exchanges.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.h"

namespace tlspool::worker {
namespace {

template <class List, class Match>
Exchange* find_in(const List& list, Match match) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const auto& e) { return match(*e); });
  return found == list.end() ? nullptr : found->get();
}

}  // namespace

Result<Exchange*> Exchanges::add(Services services, std::shared_ptr<const Policy> policy, authz::Caller caller, ExchangeRequest request) {
  forget_expired();
  const auto full = [](const char* whose, std::size_t limit) {
    return fail({Code::busy, "limit reached", whose, std::to_string(limit) + " key exchanges under way", "end some by `tlspool kex cancel`"});
  };
  if (of(caller.credentials.uid).size() >= most_of_one_user) return full("one user", most_of_one_user);
  if (all_.size() >= most) return full("all users", most);
  std::string id;
  do {  // short, since people type it
    std::array<std::uint8_t, 4> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return fail(tls::openssl_error(Code::internal, "RAND_bytes", ""));
    id = hex(random);
  } while (find_in(all_, [&](const Exchange& e) { return e.id() == id; }) != nullptr);
  Exchange* added =
      all_.emplace_back(std::make_unique<Exchange>(services, audit_, std::move(id), std::move(policy), std::move(caller), std::move(request))).get();
  wait_for_expiry();
  return added;
}

Exchange* Exchanges::find(uid_t uid, const std::string& id) {
  forget_expired();
  return find_in(all_, [&](const Exchange& e) { return e.uid() == uid && e.id() == id; });
}

Exchange* Exchanges::find(uid_t uid, const kex::ExchangeId& wire_id) {
  forget_expired();
  return find_in(all_, [&](const Exchange& e) { return e.uid() == uid && e.is(wire_id); });
}

std::vector<Exchange*> Exchanges::of(uid_t uid) {
  forget_expired();
  std::vector<Exchange*> out;
  for (const auto& e : all_) {
    if (e->uid() == uid) out.push_back(e.get());
  }
  return out;
}

std::size_t Exchanges::end_if(const std::function<std::string(const Exchange&)>& why) {
  std::vector<std::pair<Exchange*, std::string>> found;
  for (const auto& e : all_) {
    if (std::string text = why(*e); e->state() != Exchange::State::failed && !text.empty()) found.emplace_back(e.get(), std::move(text));
  }
  for (auto& [exchange, text] : found) exchange->end(std::move(text));  // may remove() it
  return found.size();
}

void Exchanges::remove(const Exchange* exchange) {
  const auto found = std::ranges::find_if(all_, [&](const auto& e) { return e.get() == exchange; });
  if (found == all_.end()) return;
  gone_.push_back(std::move(*found));
  all_.erase(found);
  sweep_.start(std::chrono::milliseconds{0}, [this] { gone_.clear(); });
}

// Nobody may ask for an exchange again, and still its key shall not stay in memory.
void Exchanges::wait_for_expiry() {
  if (all_.empty()) return;
  const auto first = std::ranges::min_element(all_, {}, [](const auto& e) { return e->expires(); });
  const std::int64_t left = std::max<std::int64_t>(0, (*first)->expires() - std::time(nullptr)) + 1;
  expiry_.start(std::chrono::seconds{left}, [this] {
    forget_expired();
    wait_for_expiry();
  });
}

void Exchanges::forget_expired() {
  const std::int64_t now = std::time(nullptr);
  std::erase_if(all_, [&](const auto& e) {
    if (e->busy() || e->expires() > now) return false;
    e->give_up(ExchangeOutcome::expired);
    return true;
  });
}

}  // namespace tlspool::worker
