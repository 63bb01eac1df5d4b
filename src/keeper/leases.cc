// SPDX-License-Identifier: Apache-2.0
#include "keeper/leases.h"

namespace tlspool::keeper {

void Leases::release(const std::string& store, const Bytes& id) {
  const auto at = reserved_.find(store);
  if (at == reserved_.end()) return;
  at->second.erase(id);
  if (at->second.empty()) reserved_.erase(at);
}

const std::set<Bytes>& Leases::reserved(const std::string& store) const {
  static const std::set<Bytes> none;
  const auto at = reserved_.find(store);
  return at == reserved_.end() ? none : at->second;
}

std::uint64_t Leases::add(Lease lease, Clock::time_point now) {
  lease.until = now + longest;
  leases_.emplace(++last_, std::move(lease));
  return last_;
}

std::optional<Lease> Leases::end(std::uint64_t number, std::uint64_t channel) {
  const auto at = leases_.find(number);
  if (at == leases_.end() || at->second.channel != channel) return std::nullopt;
  Lease out = std::move(at->second);
  leases_.erase(at);
  return out;
}

std::vector<Lease> Leases::end_channel(std::uint64_t channel) {
  std::vector<Lease> out;
  for (auto at = leases_.begin(); at != leases_.end();) {
    if (at->second.channel != channel) {
      ++at;
      continue;
    }
    out.push_back(std::move(at->second));
    at = leases_.erase(at);
  }
  return out;
}

std::vector<Lease> Leases::end_due(Clock::time_point now) {
  std::vector<Lease> out;
  while (!leases_.empty() && leases_.begin()->second.until <= now) {
    out.push_back(std::move(leases_.begin()->second));
    leases_.erase(leases_.begin());
  }
  return out;
}

std::optional<Leases::Clock::time_point> Leases::next_due() const {
  if (leases_.empty()) return std::nullopt;
  return leases_.begin()->second.until;
}

std::size_t Leases::attempts(const Bytes& session_id) const {
  std::size_t out = 0;
  for (const auto& [number, lease] : leases_) out += lease.of == Lease::Of::session && lease.id == session_id ? 1 : 0;
  return out;
}

bool Failures::throttled(const std::string& peer, Clock::time_point now) const {
  const auto at = peers_.find(peer);
  return at != peers_.end() && now - at->second.start < std::chrono::minutes{1} && at->second.failures > most_a_minute;
}

void Failures::of_peer(const std::string& peer, Clock::time_point now) {
  Minute& minute = peers_[peer];
  if (now - minute.start >= std::chrono::minutes{1}) minute = {now, 0};
  ++minute.failures;
}

Failures::Key Failures::of_key(const std::string& store, const Bytes& id) {
  if (++keys_[{store, id}] < most_of_a_key) return Key::may_stay;
  keys_.erase({store, id});
  return Key::burn;
}

}  // namespace tlspool::keeper
