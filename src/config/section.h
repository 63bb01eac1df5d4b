// SPDX-License-Identifier: Apache-2.0
// A table of a TOML file, read key by key. The library behind it is known to toml.cc alone.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/checks.h"

namespace tlspool::config {

/// Where a table and its keys stand: for mistakes that show only once every file is read.
struct Place {
  std::string file;
  int line = 0;
  std::map<std::string, int, std::less<>> lines;  ///< of its keys
  [[nodiscard]] int of(std::string_view key) const {
    const auto found = lines.find(key);
    return found == lines.end() ? line : found->second;
  }
  [[nodiscard]] bool has(std::string_view key) const { return lines.contains(key); }
};

/// A table whose keys are taken one by one; what was never asked for is unknown. Valid within the call of read_toml()
/// that made it. The first mistake is the one that counts; a key that is not there leaves `out` as it is.
class Section {
 public:
  /// An element of a list of numbers or texts.
  struct Item {
    std::optional<std::int64_t> number;
    std::string text;
    int line = 0;
  };

  [[nodiscard]] int line() const;
  [[nodiscard]] int line(std::string_view key) const;
  [[nodiscard]] const std::string& file() const;
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] Place place() const;
  /// "[table] key"
  [[nodiscard]] std::string described(std::string_view key) const;
  /// Whether a mistake was found in this file, in whatever table.
  [[nodiscard]] bool failed() const;

  void wrong(int line, std::string reason, std::string advice = {});
  /// "[table] key reason", where the key stands.
  void wrong(std::string_view key, std::string reason, std::string advice = {});

  void text(std::string_view key, std::string& out);
  void needed_text(std::string_view key, std::string& out);
  /// As text(), and where it stands.
  void placed_text(std::string_view key, wire::PlacedText& out);
  void flag(std::string_view key, bool& out);
  void number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out);
  template <class T>
  void word(std::string_view key, std::initializer_list<std::pair<std::string_view, T>> words, T& out) {
    std::string given;
    text(key, given);
    if (!has(key)) return;
    std::string known;
    for (const auto& [name, value] : words) {
      if (given == name) {
        out = value;
        return;
      }
      known += (known.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    }
    wrong(key, "must be one of " + known);
  }
  /// `take(item)` for each element of a list; one that is neither a number nor a text has neither.
  void each(std::string_view key, const std::function<void(const Item&)>& take);
  /// `take(text, line)` for each element of a list of texts, none of them empty.
  void texts(std::string_view key, const std::function<void(const std::string&, int)>& take);
  /// As each(), but one element may stand alone, without [ ].
  void one_or_each(std::string_view key, const std::function<void(const Item&)>& take);
  /// As texts(), but one text may stand alone, without [ ].
  void one_or_more(std::string_view key, const std::function<void(const std::string&, int)>& take);
  [[nodiscard]] std::optional<Section> section(std::string_view key);
  [[nodiscard]] std::vector<Section> sections(std::string_view key);
  /// Every key that nobody asked for is a mistake.
  void done();

 private:
  struct Table;
  friend Status read_toml(const Source& source, const std::function<void(Section&)>& read);
  explicit Section(std::shared_ptr<Table> table) : table_(std::move(table)) {}

  std::shared_ptr<Table> table_;
};

/// Parses one file and has its outermost table read. The first mistake is the error.
[[nodiscard]] Status read_toml(const Source& source, const std::function<void(Section&)>& read);

}  // namespace tlspool::config
