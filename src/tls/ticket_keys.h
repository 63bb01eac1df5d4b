// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <vector>

#include "base/secret.h"
#include "tls/openssl.h"

namespace tlspool::tls {

/// Keys of tickets: one that they are made with, and others with which older ones are still read. The form is OpenSSL's own
/// (RFC 5077 section 4): AES-256-CBC, then HMAC-SHA256.
class TicketKeys {
 public:
  static constexpr std::size_t key_size = 80;   ///< name, HMAC key, AES key
  static constexpr std::size_t name_size = 16;  ///< stands in front of each ticket
  static constexpr std::size_t part_size = 32;

  /// Code::internal: one does not have 80 bytes.
  [[nodiscard]] static Result<std::shared_ptr<const TicketKeys>> make(ByteView current, const std::vector<Bytes>& old);

  [[nodiscard]] ByteView current() const { return keys_.front().bytes(); }
  /// The key of that name; empty: none of ours.
  [[nodiscard]] ByteView find(const unsigned char* name) const;

 private:
  std::vector<Secret> keys_;
};

/// The context's server makes and reads tickets with these, and keeps its share of them.
[[nodiscard]] Status use_ticket_keys(SSL_CTX* context, std::shared_ptr<const TicketKeys> keys);

/// In the ClientHello callback: whether the client offers to resume by a ticket (RFC 5077) that bears the name of a key of ours.
[[nodiscard]] bool offers_own_ticket(SSL* ssl);

}  // namespace tlspool::tls
