// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

#include "base/error.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// How much of a worker's room is taken, and by whom. [limits] says how much there is, but for descriptors, which the system limits.
/// Nobody gets more than nine times what would then be left for the others: however many users fill their share, there is some for the next.
class Room {
 public:
  /// `descriptors`: how many the process may have open.
  explicit Room(std::uint64_t descriptors);
  /// What the system allows this process.
  [[nodiscard]] static std::uint64_t descriptors_allowed();

  /// Whether one more handshake may begin, of which a session may come. Code::busy names the limit that is reached.
  [[nodiscard]] Status for_handshake(const wire::Limits& limits, uid_t uid) const;
  /// Whether this user may connect once more.
  [[nodiscard]] bool for_control(const wire::Limits& limits, uid_t uid) const;
  /// Whether another connection can be taken at all; else it had better wait in the kernel's queue.
  [[nodiscard]] bool has_descriptors() const { return taken() + spare_ / 2 < descriptors_; }

  void handshake_began(uid_t uid) { handshakes_.add(uid); }
  void handshake_ended(uid_t uid) { handshakes_.remove(uid); }
  void session_began(uid_t uid) { sessions_.add(uid); }
  void session_ended(uid_t uid) { sessions_.remove(uid); }
  void control_began(uid_t uid) { controls_.add(uid); }
  void control_ended(uid_t uid) { controls_.remove(uid); }
  [[nodiscard]] std::uint32_t handshakes() const { return handshakes_.all; }

 private:
  struct Count {
    std::uint32_t all = 0;
    std::unordered_map<uid_t, std::uint32_t> by_user;

    void add(uid_t uid);
    void remove(uid_t uid);
    [[nodiscard]] std::uint32_t of(uid_t uid) const;
  };
  /// Estimated by what each thing needs.
  [[nodiscard]] std::uint64_t taken() const;

  std::uint64_t descriptors_;
  std::uint64_t spare_;  // for channels, log, events
  Count handshakes_;
  Count sessions_;
  Count controls_;
};

}  // namespace tlspool::worker
