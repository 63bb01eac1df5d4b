// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/successor.h"

namespace tlspool::supervisor {

/// The old supervisor's side of an upgrade. Until the new one has taken over, and after it has failed, the old pool goes on as if nothing
/// had been.
class Upgrade {
 public:
  /// How long the new one may take to start all its processes.
  static constexpr std::chrono::seconds deadline{90};
  struct Events {
    /// It is ready, but for these tokens: complete(), refuse(), or something that it answers by being ready again.
    std::function<void(const std::vector<std::string>& without)> ready;
    /// It is about to serve, and has this number.
    std::function<void(pid_t process)> taken;
    /// It serves; or why it does not.
    std::function<void(const Result<pid_t>& done)> ended;
    /// What it says afterwards, while this pool drains.
    std::function<void(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors)> said;
    /// It is not there any more, afterwards.
    std::function<void()> gone;
  };

  /// `program`: what is executed.
  Upgrade(Loop& loop, std::string program, std::vector<std::string> arguments) : loop_(loop), program_(std::move(program)), arguments_(std::move(arguments)), timer_(loop) {}

  void begin(const std::vector<Handed>& sockets, Events events);
  [[nodiscard]] bool under_way() const { return pid_ > 0 && !taken_; }
  /// The new one's number; 0: there is none.
  [[nodiscard]] pid_t process() const { return pid_; }
  /// Before it has taken over, or afterwards. False: it is not there.
  bool send(std::string_view word, std::string_view rest = {}, UniqueFd descriptor = {}) { return relay_ && relay_->send(word, rest, std::move(descriptor)); }
  /// It takes over from so many workers.
  void complete(std::uint32_t workers);
  /// It is not taken.
  void refuse(const Error& why);
  /// Looks whether the new one has ended.
  void reap();
  /// Ends what is under way.
  void give_up(const std::string& why);

 private:
  void message(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors);
  void closed();
  void fail_with(std::string reason);

  Loop& loop_;
  const std::string program_;
  const std::vector<std::string> arguments_;
  Timer timer_;
  Events events_;
  std::unique_ptr<Relay> relay_;
  std::string reason_;  // of its failure, in its own words
  pid_t pid_ = 0;
  bool taken_ = false;
};

}  // namespace tlspool::supervisor
