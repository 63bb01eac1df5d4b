// SPDX-License-Identifier: Apache-2.0
// How a new executable takes a running pool over. It is started with the listening sockets, as by socket activation, and with one end of a
// socket pair, on which the two say in words what has come to be; they may be of different versions.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "loop/loop.h"
#include "supervisor/notify.h"

namespace tlspool::supervisor {

/// One end. Messages are packets; a descriptor may go with one.
class Relay {
 public:
  static constexpr std::size_t longest = 4096;
  // From the new one: it is ready, but for these tokens (names, with spaces between); it can't be; from the old one: serve.
  static constexpr std::string_view ready = "ready";
  static constexpr std::string_view failed = "failed";
  static constexpr std::string_view serve = "serve";
  /// From the old one, with a program's control connection that is between two calls.
  static constexpr std::string_view program = "program";

  // From the new one: sessions to end, as wire::EndSessions in hexadecimal (nothing: too many to name), and that the configuration was read.
  static constexpr std::string_view revoked = "revoked";
  static constexpr std::string_view reloaded = "reloaded";

  /// `rest`: what follows the word. Both callbacks may destroy the relay.
  using OnMessage = std::function<void(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors)>;
  Relay(Loop& loop, UniqueFd socket, OnMessage on_message, std::function<void()> on_closed);
  /// False: the other side does not take it.
  bool send(std::string_view word, std::string_view rest = {}, int descriptor = -1);

 private:
  void read();

  UniqueFd socket_;
  OnMessage on_message_;
  std::function<void()> on_closed_;
  Poll poll_;
};

struct Successor {
  pid_t pid = 0;
  UniqueFd socket;
};
/// A listening socket and what it is called in LISTEN_FDNAMES.
struct Handed {
  int socket = -1;
  std::string name;
};
/// Executes `program`. `arguments` are those of this process; what the new one takes over by is added.
[[nodiscard]] Result<Successor> start_successor(const std::string& program, const std::vector<std::string>& arguments, const std::vector<Handed>& sockets);

}  // namespace tlspool::supervisor
