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
/// A socket of cli::listen_tcp() that accepts a connection then.
[[nodiscard]] Result<UniqueFd> listen_when(AcceptWhen when, const cli::SocketAddress& address);

/// Accepts in batches. While held, or where the process has no descriptors left, connections wait in the
/// kernel's queue and cost nothing.
class Listener {
 public:
  using OnAccept = std::function<void(UniqueFd, const cli::SocketAddress& peer)>;
  /// Where accepting fails, and why.
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
