// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "worker/session.h"

namespace tlspool::worker {

/// The program that started a session, as the kernel named it.
struct Owner {
  uid_t uid = 0;
  pid_t pid = 0;
  bool operator==(const Owner&) const = default;
};

/// The sessions of one worker, open and lately ended.
class Sessions {
 public:
  /// 128 random bits and the worker's number, in hex.
  [[nodiscard]] static Result<std::string> new_id(std::uint32_t worker);
  /// The worker that an id leads to; -1 for what is no id.
  [[nodiscard]] static int worker_of(const std::string& id);

  Session& add(std::unique_ptr<Session> session);
  /// Remembers how it ended and frees it.
  void end(Session& session, std::uint64_t now_ms);
  /// Null where there is no such open session of this owner.
  [[nodiscard]] Session* find(const std::string& id, const Owner& owner);
  /// Whosesoever it is.
  [[nodiscard]] Session* find(const std::string& id);
  [[nodiscard]] std::vector<std::string> ids() const;
  /// Open, or lately ended.
  [[nodiscard]] bool knows(const std::string& id) const { return open_.contains(id) || ended_.contains(id); }
  /// How an ended session of this owner ended; null pointer where it is not known (any more).
  [[nodiscard]] const State* ended(const std::string& id, const Owner& owner, std::uint64_t now_ms);

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  /// When one ended last whose end may be asked for.
  [[nodiscard]] std::optional<std::uint64_t> last_end_ms() const { return last_end_ms_; }
  /// Of this user, or of all; at most so many, 0: all.
  [[nodiscard]] wire::SessionList list(std::size_t most = 0, std::optional<uid_t> of = std::nullopt);
  /// Ends those for which `why` gives a text, which their programs are told; says how many.
  std::size_t end_if(const std::function<std::string(Session&)>& why);
  /// Ends them all, in order.
  void stop_all();

 private:
  struct Ended {
    Owner owner;
    std::uint64_t at_ms = 0;
    State state;
  };
  void forget_old(std::uint64_t now_ms);

  std::unordered_map<std::string_view, std::unique_ptr<Session>> open_;  // by the session's own id
  std::unordered_map<std::string, Ended> ended_;
  std::deque<std::string> ended_in_order_;
  std::optional<std::uint64_t> last_end_ms_;
};

}  // namespace tlspool::worker
