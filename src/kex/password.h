// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <optional>

#include "base/error.h"
#include "base/secret.h"

namespace tlspool::kex {

/// How the exchanged key is written down.
enum class Format {
  password,  ///< letters and digits without look-alikes
  words,
  base64,
  hex,
  raw,
};

/// Always as much is exported, and its beginning used: who wants less has the beginning of what the other one has.
inline constexpr std::size_t material_size = 1024;

/// Of the result: characters of a password, else bytes.
struct Lengths {
  std::size_t usual;
  std::size_t least;
  std::size_t most;
};
[[nodiscard]] Lengths lengths_of(Format format);

/// Writes `material` (material_size bytes) down, without a line's end. A password's characters are each the remainder of eight bytes,
/// big-endian, divided by the 55 characters: no character is likelier than another by more than 2^-58. Code::invalid: a size out of
/// lengths_of().
[[nodiscard]] Result<Secret> written(const Secret& material, Format format, std::optional<std::size_t> size);

}  // namespace tlspool::kex
