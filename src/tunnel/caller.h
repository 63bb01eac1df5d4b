// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::tunnel {

/// One control connection to each of the pool's workers, over which pairs of sockets are passed: to the worker with the fewest handshakes
/// under way.
class Caller {
 public:
  /// Empty: TLS runs. Else what went wrong, for people.
  using Done = std::function<void(const std::string& failure)>;
  /// The call that begins a connection to one worker.
  using Beginning = std::function<std::string(std::size_t worker)>;

  Caller(Loop& loop, std::string socket, Beginning beginning);
  ~Caller();
  /// Passes both descriptors and closes this process's copies. An error comes back at once where nothing was passed, else through `done`.
  [[nodiscard]] Status start(UniqueFd tls, UniqueFd plain, Done done);
  /// Gives up on what was passed before `oldest` (the loop's milliseconds).
  void expire(std::uint64_t oldest);

 private:
  struct Line;
  [[nodiscard]] Result<Line*> dial(std::size_t worker);
  [[nodiscard]] Result<Line*> choose();
  [[nodiscard]] bool flush(Line& line);
  void ready(Line& line, int events);
  void drop(Line& line, const std::string& why);
  void leave(Line& line);

  Loop& loop_;
  std::string socket_;
  Beginning beginning_;
  std::vector<std::unique_ptr<Line>> lines_;  ///< by worker; null: not connected
  std::vector<std::unique_ptr<Line>> left_;   ///< of a pool that another one follows: nothing is passed on them any more
  std::size_t workers_ = 1;
  std::size_t turn_ = 0;
};

}  // namespace tlspool::tunnel
