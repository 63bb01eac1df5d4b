// SPDX-License-Identifier: Apache-2.0
// How a new executable takes a running pool over. It is started with the listening sockets, as by socket activation, and with one end of a
// socket pair, on which the two say in words what has come to be; they may be of different versions.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "loop/loop.h"
#include "supervisor/notify.h"

namespace tlspool::supervisor {

/// One end. Messages are packets; a descriptor may go with one. What the other side does not take at once waits.
class Relay {
 public:
  static constexpr std::size_t longest = 16 * 1024;
  static constexpr std::size_t most_waiting = 512;  // messages

  // Until the new one serves. From it: ready, but for these tokens (names, with spaces between); failed, and why. From the old one: pin,
  // with a token's name and a socket on which its keeper writes the PIN that somebody had typed; tickets, with what was noted of ticket
  // keys and the memory that has them; serve, with how many workers the old one has, and those that are older still.
  static constexpr std::string_view ready = "ready";
  static constexpr std::string_view failed = "failed";
  static constexpr std::string_view pin = "pin";
  static constexpr std::string_view tickets = "tickets";
  static constexpr std::string_view serve = "serve";

  // Afterwards, while the old one drains. From the new one: end, with a number and wire::EndSessions in hexadecimal; reload, with a number;
  // visit, with what is asked, the worker, and the call of a program whose connection goes along; administer, with an administrator's
  // connection. From the old one: done, with the number and how many sessions were ended; nowhere, with what visit had; program, with
  // a program's connection that is between two calls.
  static constexpr std::string_view end = "end";
  static constexpr std::string_view reload = "reload";
  static constexpr std::string_view visit = "visit";
  static constexpr std::string_view administer = "administer";
  static constexpr std::string_view done = "done";
  static constexpr std::string_view nowhere = "nowhere";
  static constexpr std::string_view program = "program";

  /// `rest`: what follows the word. Both callbacks may destroy the relay.
  using OnMessage = std::function<void(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors)>;
  Relay(Loop& loop, UniqueFd socket, OnMessage on_message, std::function<void()> on_closed);
  /// False: the other side is not there, or reads nothing. What is too long is cut off.
  bool send(std::string_view word, std::string_view rest = {}, UniqueFd descriptor = {});
  /// Whether what matters less may be sent: half of the room is for the rest.
  [[nodiscard]] bool has_room() const { return !ended_ && waiting_.size() < most_waiting / 2; }

 private:
  struct Waiting {
    std::string text;
    UniqueFd descriptor;
  };
  void read();
  bool flush();

  UniqueFd socket_;
  OnMessage on_message_;
  std::function<void()> on_closed_;
  std::deque<Waiting> waiting_;
  bool ended_ = false;
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
