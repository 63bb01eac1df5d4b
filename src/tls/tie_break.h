// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::tls {

/// The value of the tie-breaker extension: a big-endian number of 256 bits (docs/p2p-tls.md, section 3).
using TieBreaker = std::array<std::uint8_t, 32>;

[[nodiscard]] constexpr TieBreaker all_of(std::uint8_t byte) {
  TieBreaker value{};
  for (auto& b : value) b = byte;
  return value;
}
/// Says that its sender can be a client only: nothing is lower.
inline constexpr TieBreaker client_only = all_of(0x00);
/// Says that its sender can be a server only, or has sent no ClientHello: nothing is higher.
inline constexpr TieBreaker server_only = all_of(0xff);

/// What two ClientHellos that met come to, for the sender of `own`.
enum class Tie {
  client,       ///< own is lower: the peer's hello is dropped
  server,       ///< own is higher: own hello counts as never sent
  two_clients,  ///< both said client only
  two_servers,  ///< both said server only
  same,         ///< equal random values: a hello of one's own came back
};
[[nodiscard]] Tie break_tie(const TieBreaker& own, const TieBreaker& peer);

/// Neither client_only nor server_only. Fails when the system gives no random bytes.
[[nodiscard]] Result<TieBreaker> random_tie_breaker();

/// extension_data of the extension; false where it has another length than 32 bytes.
[[nodiscard]] bool read_tie_breaker(ByteView extension_data, TieBreaker& out);

}  // namespace tlspool::tls
