// SPDX-License-Identifier: Apache-2.0
#include "worker/room.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace tlspool::worker {
namespace {

constexpr std::uint64_t most_spare = 64;
// The network's socket, both ends of the plain side until the program has its own, and the network's end as it came.
constexpr std::uint64_t of_a_handshake = 4;
constexpr std::uint64_t of_a_session = 2;
constexpr std::uint64_t of_a_control = 1;
constexpr std::uint64_t share = 9;

constexpr const char* later = "try again later, or raise it in [limits] of tlspool.toml";

Status full(const char* limit, std::uint64_t most, const char* advice = later) {
  return fail({Code::busy, "limit reached", limit, std::to_string(most) + " for each worker", advice});
}

bool leaves_room(std::uint64_t own, std::uint64_t all, std::uint64_t most) { return all < most && own < share * (most - all); }

}  // namespace

Room::Room(std::uint64_t descriptors) : descriptors_(descriptors), spare_(std::min(most_spare, descriptors / 2)) {}

std::uint64_t Room::descriptors_allowed() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : std::numeric_limits<std::uint32_t>::max();
}

void Room::Count::add(uid_t uid) {
  ++all;
  ++by_user[uid];
}

void Room::Count::remove(uid_t uid) {
  --all;
  if (--by_user[uid] == 0) by_user.erase(uid);
}

std::uint32_t Room::Count::of(uid_t uid) const {
  const auto found = by_user.find(uid);
  return found == by_user.end() ? 0 : found->second;
}

std::uint64_t Room::taken() const {
  return of_a_handshake * handshakes_.all + of_a_session * sessions_.all + of_a_control * controls_.all;
}

Status Room::for_handshake(const wire::Limits& limits, uid_t uid) const {
  const std::uint64_t all = std::uint64_t{sessions_.all} + handshakes_.all;
  if (all >= limits.sessions) return full("sessions", limits.sessions);
  if (!leaves_room(std::uint64_t{sessions_.of(uid)} + handshakes_.of(uid), all, limits.sessions)) {
    return full("sessions", limits.sessions, "what is left of them is for other users; try again later, or raise it in [limits] of tlspool.toml");
  }
  if (handshakes_.all >= limits.handshakes) return full("handshakes", limits.handshakes);
  if (handshakes_.of(uid) >= limits.handshakes_per_uid) return full("handshakes_per_uid", limits.handshakes_per_uid);
  if (!leaves_room(handshakes_.of(uid), handshakes_.all, limits.handshakes)) {
    return full("handshakes", limits.handshakes, "what is left of them is for other users; try again later, or raise it in [limits] of tlspool.toml");
  }
  if (taken() + of_a_handshake + spare_ > descriptors_) {
    return full("descriptors", descriptors_, "try again later, or raise LimitNOFILE= of the service or `ulimit -n` of its shell");
  }
  return {};
}

bool Room::for_control(const wire::Limits& limits, uid_t uid) const {
  return controls_.of(uid) < std::max(1U, limits.control_connections / 2) && leaves_room(controls_.of(uid), controls_.all, limits.control_connections);
}

}  // namespace tlspool::worker
