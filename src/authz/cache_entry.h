// SPDX-License-Identifier: Apache-2.0
// Pure: what pools of a cluster put into a memory that anybody may read and write. What comes back from there counts only
// if a pool with the same key made it, for this very question, and its time is not over.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"

namespace tlspool::authz {

/// What an entry is found by and bound to: a keyed digest of everything that its content depends on.
using EntryKey = std::array<std::uint8_t, 32>;

struct Entry {
  std::int64_t made = 0;     ///< seconds since 1970
  std::int64_t expires = 0;  ///< from then on it is worth nothing
  Bytes content;
};

inline constexpr std::size_t most_entry_content = 64 * 1024;
/// Longest sealed form: version, salt, two times, tag.
inline constexpr std::size_t most_sealed_entry = 1 + 32 + 16 + most_entry_content + 16;
/// Clocks of a cluster may differ by this much; what is from a later time was made by a clock that is wrong, or for later use.
inline constexpr std::int64_t most_clock_difference = 60;

/// What became of an entry that was to be opened.
enum class Opening {
  good,
  malformed,  ///< too short, too long, another version, or times that make no sense
  forged,     ///< not sealed by this cluster, or for another key
  expired,
  future,     ///< made later than now
};
[[nodiscard]] const char* word(Opening opening);

struct Opened {
  Opening opening = Opening::malformed;
  Entry entry;  ///< where good
};

/// Names, seals and opens the entries of one purpose.
class EntryBox {
 public:
  /// `key`: 32 bytes, derived from the cluster's for this purpose alone.
  [[nodiscard]] static Result<EntryBox> make(ByteView key);

  /// HMAC-SHA256 under a key of its own: who does not have that key learns nothing from it, nor can he make one.
  [[nodiscard]] EntryKey key_of(ByteView depends_on) const;

  /// Version 1, 32 random bytes of salt, then AES-256-GCM of (made, expires, content) with 16 bytes of tag. Key and nonce come by
  /// HKDF of our key and the salt, so that each entry has its own and no number of entries wears a key out. Associated data:
  /// the version and `key`.
  [[nodiscard]] Result<Bytes> seal(const EntryKey& key, const Entry& entry) const;
  /// `most_life`: an entry counts for this many seconds after it was made, whatever it says itself.
  [[nodiscard]] Opened open(const EntryKey& key, ByteView sealed, std::int64_t now, std::int64_t most_life) const;

 private:
  Secret names_;
  Secret seals_;
};

/// The name under which memcached has it: `prefix` and 64 hexadecimal digits.
[[nodiscard]] std::string memcached_name(std::string_view prefix, const EntryKey& key);

}  // namespace tlspool::authz
