// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "cli/address.h"

namespace tlspool::cli {

/// A socket that listens on every address of a name, for a command that waits for one connection.
class Acceptor {
 public:
  /// Port 0 takes a free one, on the first address.
  [[nodiscard]] static Result<Acceptor> listen(const HostPort& where);
  /// Where it listens, with the real ports.
  [[nodiscard]] std::vector<SocketAddress> addresses() const;

  struct Accepted {
    UniqueFd socket;  ///< blocking
    SocketAddress peer;
  };
  /// Code::timeout where nobody connects until the deadline.
  [[nodiscard]] Result<Accepted> accept(std::chrono::steady_clock::time_point deadline) const;
  /// The listening sockets, for who waits for more than one thing.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// A connection that waits at one of them; std::nullopt where it has gone meanwhile, an error where none can be taken.
  [[nodiscard]] static Result<std::optional<Accepted>> accept_now(int listening);

 private:
  std::vector<UniqueFd> sockets_;
};

}  // namespace tlspool::cli
