// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/tie_break.h"

namespace tlspool::tls {

/// The largest ClientHello that OpenSSL takes, header included.
inline constexpr std::size_t longest_hello = 131396;

/// Reads the first flight of a peer as it comes, up to the last byte of its ClientHello and never beyond it: what follows
/// belongs to TLS. RFC 8446 sections 5.1 and 4.1.2, RFC 5246 section 6.2.1.
class HelloReader {
 public:
  enum class State {
    reading,  ///< wants() bytes more
    hello,    ///< a whole ClientHello was read
    other,    ///< the peer sends something else; bytes() is how it begins
    refused,  ///< it begins as a ClientHello that can't be one: see problem() and alert()
  };

  /// How many bytes to read at most, at least one; only in State::reading.
  [[nodiscard]] std::size_t wants() const;
  /// At most wants() bytes.
  State feed(ByteView input);
  [[nodiscard]] State state() const { return state_; }

  /// All that was fed, record headers included.
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  /// Only in State::refused.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] int alert() const { return alert_; }

  /// Only in State::hello: the tie-breaker in the hello; nullopt where it has none. Error: Code::protocol, a hello that is
  /// malformed up to the extension, has it twice, or with another length than 32 bytes: decode_error.
  [[nodiscard]] Result<std::optional<TieBreaker>> tie_breaker(std::uint16_t extension) const;

 private:
  State refuse(int alert, std::string problem);
  State record_header();
  State message();

  State state_ = State::reading;
  Bytes bytes_;
  Bytes header_;             // of the record that is being read
  std::size_t body_left_ = 0;
  Bytes hello_;              // the handshake message, put together
  std::string problem_;
  int alert_ = 0;
};

}  // namespace tlspool::tls
