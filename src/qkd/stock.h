// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "qkd/link_store.h"

namespace tlspool::qkd {

/// One of the two ends of a link.
enum class Site : std::size_t { first = 0, second = 1 };
[[nodiscard]] inline Site other_of(Site site) { return site == Site::first ? Site::second : Site::first; }

/// Ids of keys as a simulated link makes them: UUIDs of version 8 (RFC 9562 section 5.8) of a random prefix for each
/// link and, in the last six bytes, a number. It starts with the time in seconds, so that a link which is started anew
/// does not repeat one where the prefix does not count.
class LinkIds {
 public:
  LinkIds(ByteView random_prefix, std::uint64_t start_seconds);
  [[nodiscard]] std::string next();

 private:
  std::array<std::uint8_t, 16> id_{};
  std::uint64_t number_;
};

/// The keys of one link, each in both ends' stores: those that nobody has asked for yet, by their ids. Thread-safe.
class Stock {
 public:
  /// `first`, `second` live longer than this. `bits`: of a key of the link; `most`: keys that are kept.
  Stock(KeyStore& first, KeyStore& second, std::uint32_t bits, std::size_t most);

  /// What lies in both stores from an earlier link with equal value is taken over; what lies in one alone is deleted.
  [[nodiscard]] Status adopt();
  /// Makes up to `count` keys, as many as there is room for, and puts each into both stores. How many were stored.
  [[nodiscard]] Result<std::size_t> make(std::size_t count);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::size_t most() const { return most_; }
  [[nodiscard]] std::uint32_t bits() const { return bits_; }

  struct Taken {
    std::string id;
    Secret value;
  };
  /// Takes `count` keys out of one site's store. Code::busy: there are fewer. Those of the other site stay there.
  [[nodiscard]] Result<std::vector<Taken>> take(Site site, std::size_t count);
  /// Takes the other copies of keys out.
  [[nodiscard]] Result<std::vector<Taken>> fetch(Site site, const std::vector<std::string>& ids);
  /// Copies that nobody will ask for: taken out and wiped, now or when the pool can be reached again.
  void discard(Site site, std::vector<std::string> ids);
  void discard_rest();

 private:
  KeyStore& store(Site site) { return site == Site::first ? first_ : second_; }

  KeyStore& first_;
  KeyStore& second_;
  const std::uint32_t bits_;
  const std::size_t most_;
  mutable std::mutex lock_;  ///< of what follows; never held while a store is asked
  LinkIds ids_;
  std::deque<std::string> free_;
  std::array<std::vector<std::string>, 2> unwanted_;
};

}  // namespace tlspool::qkd
