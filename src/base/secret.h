// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace tlspool {

/// Bytes that must not leak: locked in memory where the system allows it, left out of core dumps,
/// wiped on destruction, not copyable, not printable, compared only in constant time.
class Secret {
 public:
  Secret() = default;
  /// `size` zero bytes.
  explicit Secret(std::size_t size);
  /// Copies `bytes`; the caller wipes its own copy (see wipe()).
  explicit Secret(ByteView bytes);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] ByteView bytes() const { return {data_, size_}; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return {data_, size_}; }
  /// Keeps the first `size` bytes and wipes the rest.
  void shrink(std::size_t size);
  /// Constant time for equal sizes.
  [[nodiscard]] bool equals(const Secret& other) const;

 private:
  void clear();
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;  // bytes at data_
};

/// Whether all secrets so far are locked in memory: RLIMIT_MEMLOCK may be too small for that.
[[nodiscard]] bool secrets_are_locked();

/// Overwrites memory so that the compiler can't leave it out.
void wipe(void* data, std::size_t size);
inline void wipe(Bytes& bytes) { wipe(bytes.data(), bytes.size()); }

}  // namespace tlspool
