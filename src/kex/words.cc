// SPDX-License-Identifier: Apache-2.0
#include "kex/words.h"

#include <openssl/evp.h>

#include <algorithm>

namespace tlspool::kex {
namespace {

constexpr std::size_t words_by_voice = 8;
constexpr std::size_t longest_word = 7;

// The `number`th group of ten bits.
std::size_t bits(ByteView bytes, std::size_t number) {
  std::size_t value = 0;
  for (std::size_t i = number * bits_of_a_word; i < (number + 1) * bits_of_a_word; ++i) {
    value = value << 1 | (bytes[i / 8] >> (7 - i % 8) & 1);
  }
  return value;
}

}  // namespace

Secret words_of(ByteView bytes, std::size_t count) {
  Secret out{count * (longest_word + 1)};
  auto at = out.writable().begin();
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) *at++ = ' ';
    at = std::ranges::copy(word_list[bits(bytes, i)], at).out;
  }
  out.shrink(static_cast<std::size_t>(at - out.writable().begin()));
  return out;
}

Result<Secret> authentication_words(ByteView material) {
  constexpr std::string_view salt = "tlspool kex sas";
  constexpr std::uint64_t n = 1 << 16;
  constexpr std::uint64_t memory = 80 << 20;
  Secret bytes{words_by_voice * bits_of_a_word / 8};
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(material.data()), material.size(), view(salt).data(), salt.size(), n, 8, 1, memory,
                     bytes.writable().data(), bytes.size()) != 1) {
    return fail({Code::internal, "scrypt", "", "64 MiB of memory are not to be had", "free some, and show the exchange again"});
  }
  return words_of(bytes.bytes(), words_by_voice);
}

}  // namespace tlspool::kex
