// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "authz/cache_entry.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "loop/loop.h"
#include "wire/cache_setup.h"

namespace tlspool::supervisor {

/// The keys under which workers make and read tickets. Each is random, and replaced regularly; the ones before stay for as long as a ticket
/// lives, and are only read with. In a cluster time is cut into epochs, and all pools of the same policy try to have the same key in
/// an epoch: whoever comes first puts his, sealed, where the others find it. Where that fails, a pool goes on with its own.
class TicketKeys {
 public:
  static constexpr std::size_t key_size = 80;  ///< name, HMAC key and AES key, as SSL_CTX_set_tlsext_ticket_keys has them
  static constexpr std::size_t most_old = 3;
  struct Times {
    std::chrono::milliseconds life = std::chrono::hours{12};        ///< of a key: an epoch
    std::chrono::milliseconds ticket = std::chrono::hours{2};       ///< how long old keys are of use
    std::chrono::milliseconds retry = std::chrono::seconds{5};      ///< after nobody could be asked
    std::chrono::milliseconds refresh = std::chrono::seconds{60};   ///< so that what memcached loses is there again
  };
  struct Events {
    std::function<void()> changed;                                  ///< workers must be told
    std::function<void(wire::SharedBlob, std::uint64_t number)> share;  ///< the judge must be told
  };

  TicketKeys(Loop& loop, Events events);

  /// Another policy: a new key, and no ticket of before is read any more. `cluster`: the key of the cluster's for this purpose; empty: it
  /// belongs to none. Does not call `changed`. Code::internal: no random bytes; then everything is as before.
  [[nodiscard]] Status begin(const Bytes& policy, ByteView cluster, Times times);
  [[nodiscard]] bool begun() const { return !current_.empty(); }
  /// Asks the cluster at once: the judge has just become ready.
  void ask();
  /// The judge's answer to `share`.
  void answered(const wire::SharedBlob& blob, std::uint64_t number);

  /// Keys on their way to another pool, in memory that only those have who are given it.
  struct Handed {
    std::string note;  ///< what they are bound to, and for how many milliseconds tickets may still be read with each; no secret
    UniqueFd memory;   ///< the keys, one after the other
  };
  [[nodiscard]] Result<Handed> hand_over() const;
  /// Another pool's: tickets are read with them for as long, if they are bound to the same policy. Calls `changed` then.
  [[nodiscard]] Status inherit(const std::string& note, const UniqueFd& memory);

  [[nodiscard]] ByteView current() const { return current_.bytes(); }
  /// Newest first.
  [[nodiscard]] std::vector<Bytes> old() const;
  [[nodiscard]] const Times& times() const { return times_; }
  [[nodiscard]] bool shared() const { return shared_; }

 private:
  struct Old {
    Secret key;
    std::int64_t until;  // ms of system_clock
  };
  void rotate();
  void replace(Secret key);
  void drop_old();
  void plan_rotation();
  void plan_dropping();
  [[nodiscard]] authz::EntryKey name_of(std::int64_t epoch) const;
  [[nodiscard]] std::int64_t epoch() const;
  void alone(const char* reason);

  Loop& loop_;
  Events events_;
  Times times_;
  Bytes policy_;
  std::optional<authz::EntryBox> box_;
  Secret current_;
  std::vector<Old> old_;
  bool shared_ = false;
  bool said_alone_ = false;
  std::int64_t asked_epoch_ = 0;
  std::uint64_t question_ = 0;
  Timer rotation_;
  Timer asking_;
  Timer dropping_;
};

}  // namespace tlspool::supervisor
