// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::tunnel {

/// Control connections to the pool, each with one StartTLS at a time. They are kept and used again in turn,
/// so that the pool's workers, which each own some of them, get even shares.
class Caller {
 public:
  /// Empty: TLS runs. Else what went wrong, for people.
  using Done = std::function<void(std::string_view failure)>;

  Caller(Loop& loop, std::string socket, std::string request);
  ~Caller();
  /// Sends the request with both descriptors and closes this process's copies. An error comes back at once
  /// where nothing was sent, else through `done`.
  [[nodiscard]] Status start(UniqueFd tls, UniqueFd plain, Done done);
  /// Gives up on calls that were sent before `oldest` (the loop's milliseconds).
  void expire(std::uint64_t oldest);

 private:
  struct Line;
  enum class Sent { yes, stale };
  [[nodiscard]] Result<Line*> dial();
  [[nodiscard]] Result<Sent> send(Line& line, const UniqueFd& tls, const UniqueFd& plain);
  void ready(Line& line);
  void drop(Line& line, std::string_view why);

  Loop& loop_;
  std::string socket_;
  std::string request_;
  std::unordered_map<int, std::unique_ptr<Line>> lines_;
  std::deque<int> idle_;
};

}  // namespace tlspool::tunnel
