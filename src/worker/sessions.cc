// SPDX-License-Identifier: Apache-2.0
#include "worker/sessions.h"

#include <openssl/rand.h>

#include <array>

#include "base/text.h"

namespace tlspool::worker {
namespace {

constexpr std::size_t random_bytes = 16;
constexpr std::uint64_t remember_ms = 10 * 60 * 1000;
constexpr std::size_t remember_most = 4096;

Owner owner_of(const Session& session) {
  const PeerCredentials& who = session.connection().caller.credentials;
  return {who.uid, who.pid};
}

}  // namespace

Result<std::string> Sessions::new_id(std::uint32_t worker) {
  std::array<std::uint8_t, random_bytes + 1> raw{};
  if (RAND_bytes(raw.data(), random_bytes) != 1) return fail(tls::openssl_error(Code::internal, "RAND_bytes", ""));
  raw.back() = static_cast<std::uint8_t>(worker);
  return hex(raw);
}

int Sessions::worker_of(const std::string& id) {
  const auto raw = unhex(id);
  return raw && raw->size() == random_bytes + 1 ? raw->back() : -1;
}

Session& Sessions::add(std::unique_ptr<Session> session) {
  Session& added = *session;
  open_[added.id()] = std::move(session);
  return added;
}

void Sessions::end(Session& session, std::uint64_t now_ms) {
  forget_old(now_ms);
  const std::string id = session.id();
  if (session.forgotten_at_end()) {
    open_.erase(id);
    return;
  }
  ended_[id] = {owner_of(session), now_ms, session.state()};
  ended_in_order_.push_back(id);
  last_end_ms_ = now_ms;
  open_.erase(id);
}

void Sessions::forget_old(std::uint64_t now_ms) {
  while (!ended_in_order_.empty()) {
    const auto oldest = ended_.find(ended_in_order_.front());
    const bool old = oldest == ended_.end() || oldest->second.at_ms + remember_ms < now_ms;
    if (!old && ended_.size() < remember_most) return;
    if (oldest != ended_.end()) ended_.erase(oldest);
    ended_in_order_.pop_front();
  }
}

Session* Sessions::find(const std::string& id, const Owner& owner) {
  const auto found = open_.find(id);
  return found != open_.end() && owner_of(*found->second) == owner ? found->second.get() : nullptr;
}

Session* Sessions::find(const std::string& id) {
  const auto found = open_.find(id);
  return found != open_.end() ? found->second.get() : nullptr;
}

std::vector<std::string> Sessions::ids() const {
  std::vector<std::string> out;
  for (const auto& [id, session] : open_) out.emplace_back(id);
  return out;
}

std::size_t Sessions::end_if(const std::function<std::string(Session&)>& why) {
  std::vector<std::pair<Session*, std::string>> all;
  for (auto& [id, session] : open_) {
    if (std::string text = why(*session); !text.empty()) all.emplace_back(session.get(), std::move(text));
  }
  for (auto& [session, text] : all) session->pump().refuse(std::move(text));  // destroys the session
  return all.size();
}

const State* Sessions::ended(const std::string& id, const Owner& owner, std::uint64_t now_ms) {
  forget_old(now_ms);
  const auto found = ended_.find(id);
  return found != ended_.end() && found->second.owner == owner ? &found->second.state : nullptr;
}

wire::SessionList Sessions::list(std::size_t most, std::optional<uid_t> of) {
  wire::SessionList out;
  for (auto& [id, session] : open_) {
    if (of && session->connection().caller.credentials.uid != *of) continue;
    if (most != 0 && out.sessions.size() == most) break;
    out.sessions.push_back(session->row());
  }
  return out;
}

void Sessions::stop_all() {
  std::vector<Session*> all;
  for (auto& [id, session] : open_) all.push_back(session.get());
  for (Session* session : all) session->pump().stop();
}

}  // namespace tlspool::worker
