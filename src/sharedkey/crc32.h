// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace tlspool::sharedkey {

/// CRC-32 as in ISO 3309, Ethernet and gzip (reflected 0xEDB88320). It finds every change within 4 neighbouring bytes.
[[nodiscard]] inline std::uint32_t crc32(ByteView bytes) {
  static constexpr auto table = [] {
    std::array<std::uint32_t, 256> out{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? (c >> 1) ^ 0xEDB88320u : c >> 1;
      out[i] = c;
    }
    return out;
  }();
  std::uint32_t c = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) c = table[(c ^ byte) & 0xFF] ^ (c >> 8);
  return ~c;
}

}  // namespace tlspool::sharedkey
