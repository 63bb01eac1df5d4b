// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::sharedkey {

/// What remains of a key that was claimed: the first 16 bytes of SHA-256 over store and id, each with its length.
using Tombstone = std::array<std::uint8_t, 16>;
[[nodiscard]] Tombstone tombstone_of(std::string_view store, ByteView id);

/// Which keys were claimed, ever. A key is AVAILABLE as long as it is in its token and has no tombstone; RESERVED while
/// a lease holds it (in memory only: an unfinished handshake burns nothing); CLAIMED once its tombstone is on disk; and
/// DESTROYED when it is gone from the token. The tombstone is written and synced before the claimer gets the key, so a
/// crash burns a key and never brings one back, and a token restored from a backup revives nothing.
///
/// Pure: record_of() and read() are the file's format; the keeper does the writing and syncing.
class Ledger {
 public:
  [[nodiscard]] bool claimed(const Tombstone& t) const;
  void claim(const Tombstone& t);
  [[nodiscard]] std::size_t size() const { return size_; }

  /// 8 bytes that every ledger file begins with.
  [[nodiscard]] static ByteView magic();
  /// What is appended for one claim: the tombstone and its CRC-32, big-endian (0 is written as ffffffff).
  [[nodiscard]] static Bytes record_of(const Tombstone& t);
  static constexpr std::size_t record_size = 20;

  struct Read {
    std::size_t good = 0;       ///< bytes from the start that are whole records; what follows was a torn write
    std::size_t records = 0;
  };
  /// Takes up a file's content; empty is a ledger that does not exist yet. What a crash tears at the very end (a part of
  /// a record, or one that is followed by nothing but zeros and whose check is zeros too) is left out; the keeper
  /// cuts the file at `good`. Anything else that is damaged is Code::protocol: the keeper then gives out no key at all.
  [[nodiscard]] Result<Read> read(ByteView file);

 private:
  [[nodiscard]] std::size_t slot_of(const Tombstone& t) const;
  /// Room for `count` tombstones.
  void grow(std::size_t count);

  /// Open addressing with at most 3/4 in use; zeros are a free slot. 10 million tombstones take 256 MiB.
  std::vector<Tombstone> slots_;
  std::size_t size_ = 0;
  bool zero_ = false;  ///< the tombstone that is all zeros
};

}  // namespace tlspool::sharedkey
