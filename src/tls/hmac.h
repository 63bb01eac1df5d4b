// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace tlspool::tls {

/// The two hashes of TLS 1.3's suites and of the pool's suites of TLS 1.2.
enum class Hash { sha256, sha384 };
[[nodiscard]] constexpr std::size_t size_of(Hash hash) { return hash == Hash::sha256 ? 32 : 48; }
inline constexpr std::size_t longest_hash = 48;
/// OpenSSL's name for it; none for another.
[[nodiscard]] std::optional<Hash> hash_named(std::string_view name);

/// HMAC (RFC 2104) straight on libcrypto's compression functions: no fetch, no allocation. Wipes itself.
class Hmac {
 public:
  Hmac(Hash hash, ByteView key);
  ~Hmac();
  Hmac(const Hmac&) = default;  // goes on from the same point
  Hmac& operator=(const Hmac&) = delete;
  void add(ByteView data);
  /// size_of(hash) bytes. Nothing can be added afterwards.
  void finish(std::uint8_t* out);
  [[nodiscard]] std::size_t size() const { return size_of(hash_); }

 private:
  union State {
    SHA256_CTX sha256;
    SHA512_CTX sha384;
  };
  Hash hash_;
  State inner_;
  State outer_;
};

/// Hash of nothing.
[[nodiscard]] std::array<std::uint8_t, longest_hash> hash_of_nothing(Hash hash);

}  // namespace tlspool::tls
