// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "cli/address.h"
#include "loop/loop.h"

namespace tlspool::tunnel {

/// Non-blocking connects to one place, address after address until one answers.
class Connector {
 public:
  using Done = std::function<void(Result<UniqueFd>)>;
  Connector(Loop& loop, std::vector<cli::SocketAddress> addresses);
  /// `done` comes once, maybe before this returns.
  void start(Done done);
  /// Gives up on the address that each attempt before `oldest` (the loop's milliseconds) waits for.
  void expire(std::uint64_t oldest);

 private:
  struct Attempt {
    std::size_t address = 0;
    UniqueFd fd;
    std::unique_ptr<Poll> poll;
    std::uint64_t since = 0;
    Done done;
    std::list<Attempt>::iterator self;
  };
  enum class Step { connected, wait, refused };
  void go(Attempt& attempt);
  Step open(Attempt& attempt, int& error);
  void finish(Attempt& attempt, Result<UniqueFd> result);
  void next(Attempt& attempt, int error);

  Loop& loop_;
  std::vector<cli::SocketAddress> addresses_;
  std::list<Attempt> attempts_;
};

}  // namespace tlspool::tunnel
