// SPDX-License-Identifier: Apache-2.0
#include "qkd/stock.h"

#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "etsi014/messages.h"
#include "sharedkey/identity.h"

namespace tlspool::qkd {
namespace {

constexpr std::size_t keys_at_once = 64;

Bytes random_bytes(std::size_t size) {
  Bytes out(size);
  if (RAND_priv_bytes(out.data(), static_cast<int>(size)) != 1) out.clear();
  return out;
}

}  // namespace

LinkIds::LinkIds(ByteView random_prefix, std::uint64_t start_seconds) : number_(start_seconds << 16) {
  std::copy_n(random_prefix.begin(), std::min<std::size_t>(random_prefix.size(), 10), id_.begin());
  id_[6] = static_cast<std::uint8_t>((id_[6] & 0x0f) | 0x80);
  id_[8] = static_cast<std::uint8_t>((id_[8] & 0x3f) | 0x80);
}

std::string LinkIds::next() {
  ++number_;
  for (std::size_t i = 0; i < 6; ++i) id_[15 - i] = static_cast<std::uint8_t>(number_ >> (8 * i));
  return sharedkey::id_text(wire::IdForm::uuid, id_);
}

Stock::Stock(KeyStore& first, KeyStore& second, std::uint32_t bits, std::size_t most)
    : first_(first), second_(second), bits_(bits), most_(most), ids_(random_bytes(10), static_cast<std::uint64_t>(std::time(nullptr))) {}

Status Stock::adopt() {
  const Bytes nonce = random_bytes(32);
  if (nonce.empty()) return fail({Code::internal, "link", "", "no random numbers", {}});
  const auto at_first = first_.list(nonce);
  if (!at_first) return fail(at_first.error());
  const auto at_second = second_.list(nonce);
  if (!at_second) return fail(at_second.error());
  std::map<std::string, Bytes> theirs;
  for (const wire::AuditRow& row : *at_second) theirs.emplace(row.id, row.check);
  std::vector<std::string> alone;
  std::deque<std::string> both;
  for (const wire::AuditRow& row : *at_first) {
    const auto found = theirs.find(row.id);
    if (found != theirs.end() && found->second == row.check) {
      both.push_back(row.id);
      theirs.erase(found);
    } else {
      alone.push_back(row.id);
    }
  }
  discard(Site::first, std::move(alone));
  alone.clear();
  for (const auto& [id, check] : theirs) alone.push_back(id);
  discard(Site::second, std::move(alone));
  const std::lock_guard hold(lock_);
  free_ = std::move(both);
  return {};
}

Result<std::size_t> Stock::make(std::size_t count) {
  count = std::min({count, room(), keys_at_once});
  if (count == 0) return std::size_t{0};
  std::vector<wire::NumberedKey> keys(count);
  {
    const std::lock_guard hold(lock_);
    for (wire::NumberedKey& key : keys) key.id = ids_.next();
  }
  std::vector<wire::NumberedKey> copies;
  for (wire::NumberedKey& key : keys) {
    key.key = random_bytes(bits_ / 8);
    if (key.key.empty()) return fail({Code::internal, "link", "", "no random numbers", {}});
    copies.push_back(key);
  }
  const auto at_first = first_.deposit(std::move(keys));
  if (!at_first) {
    for (wire::NumberedKey& key : copies) wipe(key.key);
    return fail(at_first.error());
  }
  const std::set<std::string> stored(at_first->begin(), at_first->end());
  const auto without = std::partition(copies.begin(), copies.end(), [&](const auto& key) { return stored.contains(key.id); });
  std::for_each(without, copies.end(), [](wire::NumberedKey& key) { wipe(key.key); });
  copies.erase(without, copies.end());
  const auto at_second = second_.deposit(std::move(copies));
  if (!at_second) {
    discard(Site::first, *at_first);
    return fail(at_second.error());
  }
  const std::set<std::string> both(at_second->begin(), at_second->end());
  std::vector<std::string> alone;
  for (const std::string& id : *at_first) {
    if (!both.contains(id)) alone.push_back(id);
  }
  discard(Site::first, std::move(alone));
  const std::lock_guard hold(lock_);
  free_.insert(free_.end(), at_second->begin(), at_second->end());
  return at_second->size();
}

std::size_t Stock::room() const {
  const std::lock_guard hold(lock_);
  return free_.size() < most_ ? most_ - free_.size() : 0;
}

std::size_t Stock::count() const {
  const std::lock_guard hold(lock_);
  return free_.size();
}

Result<std::vector<Stock::Taken>> Stock::take(Site site, std::size_t count) {
  std::vector<Taken> out;
  while (out.size() < count) {
    std::vector<std::string> ids;
    {
      const std::lock_guard hold(lock_);
      const std::size_t missing = count - out.size();
      if (free_.size() >= missing) {
        ids.assign(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(missing));
        free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(missing));
      }
    }
    Result<std::vector<Taken>> got = std::vector<Taken>{};
    if (!ids.empty()) got = fetch(site, ids);
    if (ids.empty() || !got) {
      std::vector<std::string> lost;
      for (const Taken& key : out) lost.push_back(key.id);
      discard(other_of(site), std::move(lost));
      if (ids.empty()) return fail({Code::busy, "take keys", "", std::string(etsi014::no_keys), {}});
      // Where some are gone, a later attempt finds out.
      const std::lock_guard hold(lock_);
      free_.insert(free_.begin(), ids.begin(), ids.end());
      return got;
    }
    // What is not there any more was taken by somebody else: its copy is of no use.
    std::set<std::string> gone(ids.begin(), ids.end());
    for (Taken& key : *got) {
      gone.erase(key.id);
      out.push_back(std::move(key));
    }
    discard(other_of(site), {gone.begin(), gone.end()});
  }
  return out;
}

Result<std::vector<Stock::Taken>> Stock::fetch(Site site, const std::vector<std::string>& ids) {
  auto got = store(site).withdraw(ids);
  if (!got) return fail(std::move(got.error()));
  std::vector<Taken> out;
  for (wire::NumberedKey& key : *got) {
    out.push_back({key.id, Secret(ByteView{key.key})});
    wipe(key.key);
  }
  return out;
}

void Stock::discard(Site site, std::vector<std::string> ids) {
  if (ids.empty()) return;
  {
    const std::lock_guard hold(lock_);
    std::vector<std::string>& rest = unwanted_[static_cast<std::size_t>(site)];
    rest.insert(rest.end(), ids.begin(), ids.end());
  }
  discard_rest();
}

void Stock::discard_rest() {
  for (const Site site : {Site::first, Site::second}) {
    std::vector<std::string> ids;
    {
      const std::lock_guard hold(lock_);
      ids.swap(unwanted_[static_cast<std::size_t>(site)]);
    }
    while (!ids.empty()) {
      const auto from = ids.end() - static_cast<std::ptrdiff_t>(std::min(ids.size(), keys_at_once));
      if (!fetch(site, {from, ids.end()})) break;
      ids.erase(from, ids.end());
    }
    if (ids.empty()) continue;
    const std::lock_guard hold(lock_);
    std::vector<std::string>& rest = unwanted_[static_cast<std::size_t>(site)];
    rest.insert(rest.end(), ids.begin(), ids.end());
  }
}

}  // namespace tlspool::qkd
