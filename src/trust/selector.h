// SPDX-License-Identifier: Apache-2.0
// Selectors of identities: `u@a.b.c` or `a.b.c` for one, `@a.b.c` for every user of a domain, `u@.b.c`, `@.b.c` and `.b.c`
// for every domain below one, `u@.`, `@.` and `.` for all. Users and plain domains are apart: `.` selects no user, and `@.` no domain.
// A domain is not below itself: `.b.c` does not select b.c. IP addresses are selected by themselves and by `.`, URIs by none.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace tlspool::trust {

/// A selector in its one spelling, as host and user names are normalised. Code::invalid where it is none.
[[nodiscard]] Result<std::string> normal_selector(std::string_view text);

/// Whether a name that a certificate proves is a URI, which no selector selects.
[[nodiscard]] bool is_uri(std::string_view name);

/// The selectors that select a normalised identity, the narrowest first; none for an empty one, and for a URI.
[[nodiscard]] std::vector<std::string> selectors_of(std::string_view identity);

/// Whether a normal selector selects a normalised identity.
[[nodiscard]] bool selects(std::string_view selector, std::string_view identity);

/// What is known by selectors, found with one hash lookup for each of selectors_of() the identity, however many there are.
/// A scope keeps selectors of different things apart.
class SelectorIndex {
 public:
  /// The value that is there for this selector, which is `value` where there was none before.
  std::uint32_t add(std::uint32_t scope, std::string_view selector, std::uint32_t value);
  /// One hash lookup.
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t scope, std::string_view selector) const;
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  void reserve(std::size_t count) { values_.reserve(count); }

 private:
  struct Key {
    std::uint32_t scope;
    std::string selector;
  };
  struct View {
    std::uint32_t scope;
    std::string_view selector;
    View(std::uint32_t scope, std::string_view selector) : scope(scope), selector(selector) {}
    View(const Key& key) : scope(key.scope), selector(key.selector) {}
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const View& v) const { return std::hash<std::string_view>{}(v.selector) ^ v.scope * 0x9e3779b97f4a7c15; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const View& a, const View& b) const { return a.scope == b.scope && a.selector == b.selector; }
  };

  std::unordered_map<Key, std::uint32_t, Hash, Equal> values_;
};

}  // namespace tlspool::trust
