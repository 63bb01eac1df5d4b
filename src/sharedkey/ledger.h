// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <unordered_set>

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
  [[nodiscard]] bool claimed(const Tombstone& t) const { return claimed_.contains(t); }
  void claim(const Tombstone& t) { claimed_.insert(t); }
  [[nodiscard]] std::size_t size() const { return claimed_.size(); }

  /// 8 bytes that every ledger file begins with.
  [[nodiscard]] static ByteView magic();
  /// What is appended for one claim: the tombstone and a check of 4 bytes over it.
  [[nodiscard]] static Bytes record_of(const Tombstone& t);
  static constexpr std::size_t record_size = 20;

  struct Read {
    std::size_t good = 0;       ///< bytes from the start that are whole records; what follows was a torn write
    std::size_t records = 0;
  };
  /// Takes up a file's content. A torn record at the very end is what a crash leaves, and is left out; anything else
  /// that is damaged is Code::protocol: the keeper then gives out no key at all.
  [[nodiscard]] Result<Read> read(ByteView file);

 private:
  // A tombstone is the output of a hash: any 8 bytes of it are as good as a hash of it.
  struct Hash {
    std::size_t operator()(const Tombstone& t) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, t.data(), sizeof out);
      return out;
    }
  };
  std::unordered_set<Tombstone, Hash> claimed_;
};

}  // namespace tlspool::sharedkey
