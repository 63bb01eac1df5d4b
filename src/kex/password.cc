// SPDX-License-Identifier: Apache-2.0
#include "kex/password.h"

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "kex/words.h"

namespace tlspool::kex {
namespace {

// Without 0 O o, 1 I i l: what is read aloud or copied by hand must stay what it was.
constexpr std::string_view alphabet = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
constexpr std::size_t bytes_of_a_character = 8;

Secret password(ByteView material, std::size_t size) {
  Secret out{size};
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t number = 0;
    for (const std::uint8_t b : material.subspan(i * bytes_of_a_character, bytes_of_a_character)) number = number << 8 | b;
    out.writable()[i] = static_cast<std::uint8_t>(alphabet[number % alphabet.size()]);
  }
  return out;
}

Secret in_hex(ByteView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  Secret out{bytes.size() * 2};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out.writable()[2 * i] = static_cast<std::uint8_t>(digits[bytes[i] >> 4]);
    out.writable()[2 * i + 1] = static_cast<std::uint8_t>(digits[bytes[i] & 15]);
  }
  return out;
}

Secret in_base64(ByteView bytes) {
  const std::size_t size = (bytes.size() + 2) / 3 * 4;
  Secret out{size + 1};  // EVP_EncodeBlock ends it by a NUL
  EVP_EncodeBlock(out.writable().data(), bytes.data(), static_cast<int>(bytes.size()));
  out.shrink(size);
  return out;
}

}  // namespace

Lengths lengths_of(Format format) {
  switch (format) {
    case Format::password: return {16, 8, material_size / bytes_of_a_character};
    case Format::words: return {16, 8, 512};
    case Format::base64:
    case Format::hex:
    case Format::raw: return {32, 8, material_size};
  }
  return {};
}

Result<Secret> written(const Secret& material, Format format, std::optional<std::size_t> size) {
  const Lengths lengths = lengths_of(format);
  const std::size_t n = size.value_or(lengths.usual);
  if (n < lengths.least || n > lengths.most) {
    return fail({Code::invalid, "key exchange", "--bytes", "it is not between " + std::to_string(lengths.least) + " and " + std::to_string(lengths.most),
                 {}});
  }
  const ByteView first = material.bytes().first(format == Format::password ? material.size() : n);
  switch (format) {
    case Format::password: return password(material.bytes(), n);
    case Format::words: return words_of(material.bytes(), (n * 8 + bits_of_a_word - 1) / bits_of_a_word);
    case Format::base64: return in_base64(first);
    case Format::hex: return in_hex(first);
    case Format::raw: return Secret{first};
  }
  return Secret{};
}

}  // namespace tlspool::kex
