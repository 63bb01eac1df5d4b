// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::kex {

/// The four messages of a key exchange, in their order.
enum class Step : std::uint8_t { client_hello = 1, server_hello = 2, client_finish = 3, server_finish = 4 };

/// Which exchange a message belongs to: the first 16 bytes of SHA-256 over the TLS records of its ClientHello.
using ExchangeId = std::array<std::uint8_t, 16>;

inline constexpr std::size_t longest_message = 64 * 1024;

struct Message {
  Step step = Step::client_hello;
  ExchangeId id{};
  Bytes records;  ///< of TLS, one flight
};

[[nodiscard]] ExchangeId exchange_id(ByteView client_hello_records);

/// The TLS records, and behind them one more record of type 255 that says what they are (docs/p2p-tls.md, "The key exchange").
[[nodiscard]] Bytes seal(const Message& message);

/// Finds what happened on the way before TLS sees it, so that a message can be pasted again. This is no protection: that is
/// TLS's own. Error: Code::invalid; too long, cut short, changed, or of a format that is not known.
[[nodiscard]] Result<Message> open(ByteView message);

}  // namespace tlspool::kex
