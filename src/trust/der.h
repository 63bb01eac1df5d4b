// SPDX-License-Identifier: Apache-2.0
// The little of DER that lists too large for OpenSSL's structures are read with.
#pragma once
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace tlspool::trust {

struct DerItem {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  ///< with tag and length
};

/// Takes items off the front of some bytes. Lengths must be definite, in their shortest form and within the bytes.
class DerReader {
 public:
  explicit DerReader(ByteView in) : in_(in) {}
  [[nodiscard]] bool empty() const { return in_.empty(); }
  /// Tag of the next item; 0 where there is none.
  [[nodiscard]] std::uint8_t next() const { return in_.empty() ? 0 : in_[0]; }
  [[nodiscard]] std::optional<DerItem> take() {
    if (in_.size() < 2 || (in_[0] & 0x1f) == 0x1f) return std::nullopt;  // no tag here has more than one byte
    std::size_t header = 2;
    std::size_t size = in_[1];
    if (size >= 0x80) {
      const std::size_t count = size & 0x7f;
      if (count == 0 || count > 4 || in_.size() < 2 + count) return std::nullopt;
      size = 0;
      for (std::size_t i = 0; i < count; ++i) size = size << 8 | in_[2 + i];
      if (size < 0x80 || size >> (8 * (count - 1)) == 0) return std::nullopt;
      header += count;
    }
    if (size > in_.size() - header) return std::nullopt;
    const DerItem item{in_[0], in_.subspan(header, size), in_.first(header + size)};
    in_ = in_.subspan(header + size);
    return item;
  }
  /// The next item where it has this tag.
  [[nodiscard]] std::optional<DerItem> take(std::uint8_t tag) { return next() == tag ? take() : std::nullopt; }

 private:
  ByteView in_;
};

namespace der {
inline constexpr std::uint8_t boolean = 0x01, integer = 0x02, bit_string = 0x03, octet_string = 0x04, oid = 0x06, enumerated = 0x0a,
                              sequence = 0x30, utc_time = 0x17, generalized_time = 0x18, context0 = 0xa0;
}

}  // namespace tlspool::trust
