// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::sharedkey {

/// How soon a phantom session is seeded again after a resumption that failed (Gutmann's draft, section 4): 1 s after the
/// first failure, doubled by each further one, 1 h at most; a success forgets all. Pure; times are seconds since 1970.
/// A clock that was set back makes nobody wait longer than the delay itself.
class Throttle {
 public:
  static constexpr std::int64_t longest = 3600;
  /// Seconds until `id` may be seeded; 0: now.
  [[nodiscard]] std::int64_t wait(const std::string& id, std::int64_t now);
  void failed(const std::string& id, std::int64_t now);
  void succeeded(const std::string& id) { entries_.erase(id); }

  /// The file that keeps it over a restart.
  [[nodiscard]] Bytes write() const;
  [[nodiscard]] static Result<Throttle> read(ByteView file);

 private:
  struct Entry {
    std::uint32_t failures = 0;
    std::int64_t last = 0;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace tlspool::sharedkey
