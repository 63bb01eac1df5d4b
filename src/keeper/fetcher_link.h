// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include "loop/channel.h"
#include "wire/shared_keys.h"

namespace tlspool::keeper {

/// The way to the fetcher, which asks key management entities for keys.
class FetcherLink {
 public:
  using Done = std::function<void(Result<wire::FetchAnswer>)>;
  explicit FetcherLink(Loop& loop) : loop_(loop), timer_(loop) {}
  /// A new fetcher takes the place of the old one, whose answers will not come any more.
  void connect(UniqueFd socket);
  [[nodiscard]] bool connected() const { return channel_ != nullptr; }
  /// `done` is called once, on the loop. An error: nobody knows whether the entity gave the key to somebody.
  void ask(const wire::FetchRequest& request, Done done);

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    Done done;
    Clock::time_point until;
  };
  void took(const Frame& frame);
  void give_up(const std::string& reason);
  void plan();

  Loop& loop_;
  std::unique_ptr<Channel> channel_;
  std::map<std::uint64_t, Pending> pending_;  // by number, and so by time
  std::uint64_t last_ = 0;
  Timer timer_;
};

}  // namespace tlspool::keeper
