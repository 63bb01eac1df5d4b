// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>

#include "base/fd.h"

namespace tlspool::test {

/// Listens on a free port of the loopback interface.
struct LoopbackListener {
  LoopbackListener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket.get(), generic, size) != 0 || listen(socket.get(), 64) != 0 || getsockname(socket.get(), generic, &size) != 0) std::abort();
    port = ntohs(address.sin_port);
  }
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;
};

}  // namespace tlspool::test
