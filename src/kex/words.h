// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace tlspool::kex {

/// Common short English words, 10 bits each.
extern const std::array<std::string_view, 1024> word_list;
inline constexpr std::size_t bits_of_a_word = 10;

/// `count` words, with blanks between, for the first bits of `bytes`, most significant first. `bytes` has enough of them.
[[nodiscard]] Secret words_of(ByteView bytes, std::size_t count);

/// What two people compare by voice: eight words. `material` is the exchange's authentication string. It is stretched by
/// scrypt (RFC 7914; N = 2^16, r = 8, p = 1, salt "tlspool kex sas") into 80 bits, so that whoever stands in the middle can't try
/// out keys until the words agree. Takes a tenth of a second and 64 MiB. Code::internal where memory is not to be had.
[[nodiscard]] Result<Secret> authentication_words(ByteView material);

}  // namespace tlspool::kex
