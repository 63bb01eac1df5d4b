// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/bytes.h"

namespace tlspool::tls {

/// Reads a structure of TLS from the front; after a read past its end everything is empty or 0, and good() is false.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

  ByteView take(std::size_t size) {
    if (!good_ || size > rest_.size()) {
      good_ = false;
      return {};
    }
    const ByteView out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  /// Big-endian.
  std::size_t number(std::size_t width) {
    std::size_t out = 0;
    for (const std::uint8_t b : take(width)) out = out << 8 | b;
    return out;
  }
  /// A vector of RFC 8446 section 3.4: its length in `width` bytes, then its content.
  ByteView vector(std::size_t width) { return take(number(width)); }

 private:
  ByteView rest_;
  bool good_ = true;
};

}  // namespace tlspool::tls
