// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <cstring>
#include <list>
#include <unordered_map>

#include "authz/cache_entry.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// Outcomes that this process remembers: as many as its limits allow, and of those what was used last.
class OutcomeTable {
 public:
  /// Whatever the number of entries, they take no more memory than this.
  static constexpr std::size_t most_bytes = 64 << 20;

  void limit(std::size_t entries);
  /// Valid until the table changes; null: nothing, or nothing that holds at `now`.
  [[nodiscard]] const wire::ChainVerdict* find(const authz::EntryKey& key, std::int64_t now);
  void put(const authz::EntryKey& key, wire::ChainVerdict verdict, std::int64_t until);
  void erase(const authz::EntryKey& key);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_key_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Remembered {
    authz::EntryKey key;
    wire::ChainVerdict verdict;
    std::int64_t until;
    std::size_t bytes;
  };
  using Place = std::list<Remembered>::iterator;
  /// Keys are digests that only we can make: any part of one is as good as a hash.
  struct Part {
    std::size_t operator()(const authz::EntryKey& key) const {
      std::size_t out = 0;
      std::memcpy(&out, key.data(), sizeof out);
      return out;
    }
  };
  void drop(Place place);
  void make_room();

  std::size_t most_ = 0;
  std::size_t bytes_ = 0;
  std::list<Remembered> newest_first_;
  std::unordered_map<authz::EntryKey, Place, Part> by_key_;
};

}  // namespace tlspool::judge
