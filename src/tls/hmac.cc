// SPDX-License-Identifier: Apache-2.0
#include "tls/hmac.h"

#include <openssl/crypto.h>

#include <cstring>

// What is called here has a successor in EVP, which is what this avoids.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace tlspool::tls {
namespace {

template <class State>
void begin(Hash hash, State& state) {
  hash == Hash::sha256 ? SHA256_Init(&state.sha256) : SHA384_Init(&state.sha384);
}
template <class State>
void update(Hash hash, State& state, const void* data, std::size_t size) {
  hash == Hash::sha256 ? SHA256_Update(&state.sha256, data, size) : SHA384_Update(&state.sha384, data, size);
}
template <class State>
void end(Hash hash, State& state, std::uint8_t* out) {
  hash == Hash::sha256 ? SHA256_Final(out, &state.sha256) : SHA384_Final(out, &state.sha384);
}

constexpr std::size_t block_of(Hash hash) { return hash == Hash::sha256 ? SHA256_CBLOCK : SHA512_CBLOCK; }

union AnyState {
  SHA256_CTX sha256;
  SHA512_CTX sha384;
};

}  // namespace

std::optional<Hash> hash_named(std::string_view name) {
  const auto is = [&](const char* word) { return name.size() == std::strlen(word) && OPENSSL_strncasecmp(name.data(), word, name.size()) == 0; };
  if (is("SHA256") || is("SHA2-256")) return Hash::sha256;
  if (is("SHA384") || is("SHA2-384")) return Hash::sha384;
  return std::nullopt;
}

Hmac::Hmac(Hash hash, ByteView key) : hash_(hash) {
  std::array<std::uint8_t, SHA512_CBLOCK> pad{};
  const std::size_t block = block_of(hash);
  if (key.size() > block) {
    begin(hash, inner_);
    update(hash, inner_, key.data(), key.size());
    end(hash, inner_, pad.data());
  } else if (!key.empty()) {
    std::memcpy(pad.data(), key.data(), key.size());
  }
  for (std::size_t i = 0; i < block; ++i) pad[i] ^= 0x36;
  begin(hash, inner_);
  update(hash, inner_, pad.data(), block);
  for (std::size_t i = 0; i < block; ++i) pad[i] ^= 0x36 ^ 0x5c;
  begin(hash, outer_);
  update(hash, outer_, pad.data(), block);
  OPENSSL_cleanse(pad.data(), pad.size());
}

Hmac::~Hmac() {
  OPENSSL_cleanse(&inner_, sizeof inner_);
  OPENSSL_cleanse(&outer_, sizeof outer_);
}

void Hmac::add(ByteView data) { update(hash_, inner_, data.data(), data.size()); }

void Hmac::finish(std::uint8_t* out) {
  std::array<std::uint8_t, longest_hash> digest;
  end(hash_, inner_, digest.data());
  update(hash_, outer_, digest.data(), size());
  end(hash_, outer_, out);
  OPENSSL_cleanse(digest.data(), digest.size());
}

std::array<std::uint8_t, longest_hash> hash_of_nothing(Hash hash) {
  std::array<std::uint8_t, longest_hash> out{};
  AnyState state;
  begin(hash, state);
  end(hash, state, out.data());
  return out;
}

}  // namespace tlspool::tls

#pragma GCC diagnostic pop
