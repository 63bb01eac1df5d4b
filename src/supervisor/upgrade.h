// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/successor.h"

namespace tlspool::supervisor {

/// The old supervisor's side of an upgrade, until the new one is ready to serve, or has failed. While it is under way, and after it has
/// failed, the old pool goes on as if nothing had been.
class Upgrade {
 public:
  /// How long the new one may take to start all its processes.
  static constexpr std::chrono::seconds deadline{90};
  struct Events {
    /// It is ready, but for these tokens. An error: it is not taken.
    std::function<Status(const std::vector<std::string>& without)> ready;
    /// It serves from now on, and has this number; or why it does not.
    std::function<void(const Result<pid_t>& done)> ended;
    /// What it says afterwards, while this pool drains.
    std::function<void(const std::string& word, const std::string& rest)> said;
  };

  /// `program`: what is executed.
  Upgrade(Loop& loop, std::string program, std::vector<std::string> arguments) : loop_(loop), program_(std::move(program)), arguments_(std::move(arguments)), timer_(loop) {}

  void begin(const std::vector<Handed>& sockets, Events events);
  [[nodiscard]] bool under_way() const { return pid_ > 0 && !taken_; }
  /// Looks whether the new one has ended.
  void reap();
  /// Its end is no concern of this pool's any more, and neither is this pool one of its.
  void give_up();
  /// The new one gets a program's connection. False: it is not there.
  bool hand_over(int connection) { return relay_ && relay_->send(Relay::program, {}, connection); }

 private:
  void message(const std::string& word, const std::string& rest);
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
