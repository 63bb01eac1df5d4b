// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "cli/address.h"
#include "loop/loop.h"

namespace tlspool::tunnel {

enum class AcceptWhen { connected, first_byte_came };
/// A non-blocking listening TCP socket whose accepted sockets send without delay (they inherit it).
[[nodiscard]] Result<UniqueFd> listen_tcp(const cli::SocketAddress& address, AcceptWhen when);
/// Where it listens; the real port where 0 was asked for.
[[nodiscard]] cli::SocketAddress local_address(int fd);

/// Accepts in batches. While held, or where the process has no descriptors left, connections wait in the
/// kernel's queue and cost nothing.
class Listener {
 public:
  using OnAccept = std::function<void(UniqueFd, const cli::SocketAddress& peer)>;
  /// `complain`: where accepting fails.
  using OnTrouble = std::function<void(const std::string&)>;

  Listener(Loop& loop, UniqueFd socket, OnAccept on_accept, OnTrouble on_trouble);
  void hold();
  void go_on();

 private:
  void ready();
  void rest(int error);

  UniqueFd socket_;
  OnAccept on_accept_;
  OnTrouble on_trouble_;
  Timer pause_;
  Poll poll_;
  bool held_ = false;
};

}  // namespace tlspool::tunnel
