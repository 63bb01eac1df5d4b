// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <array>
#include <span>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"

namespace tlspool {

/// Who stands at the other end of a Unix socket, as the kernel recorded it at connect().
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  ///< supplementary groups (SO_PEERGROUPS)
};
[[nodiscard]] Result<PeerCredentials> peer_credentials(int fd);

/// A close-on-exec pair of AF_UNIX sockets; `type` is SOCK_STREAM or SOCK_SEQPACKET.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type, bool nonblocking);

/// Listens on a Unix socket at `path` with permission bits `mode`, replacing a stale socket file; fails
/// with Code::busy where somebody still answers on it. Non-blocking, close-on-exec. Paths longer than
/// sun_path are reached through /proc/self/fd.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);
/// Connects; blocking, close-on-exec.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path);
/// The same without waiting, and the socket is non-blocking. Returns std::nullopt with `errno` kept where
/// connect fails; EAGAIN: the queue of the listener is full.
[[nodiscard]] std::optional<UniqueFd> try_connect_unix(const std::string& path);

/// What one recvmsg brought. `size` 0 is end of stream.
struct Received {
  std::size_t size = 0;
  std::vector<UniqueFd> descriptors;  ///< all close-on-exec
  bool truncated = false;             ///< MSG_CTRUNC: descriptors were lost, the caller drops the connection
};
/// recvmsg with MSG_CMSG_CLOEXEC; std::nullopt where it would block.
[[nodiscard]] Result<std::optional<Received>> receive(int fd, std::span<std::uint8_t> into, int flags);
/// One sendmsg; the descriptors ride on the first byte. Returns the bytes taken, std::nullopt where it
/// would block. Never raises SIGPIPE.
[[nodiscard]] Result<std::optional<std::size_t>> transmit(int fd, ByteView bytes, std::span<const int> descriptors,
                                                          int flags = 0);

}  // namespace tlspool
