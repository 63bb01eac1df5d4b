// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace tlspool::config {

/// What one call of parse() has found so far; the first mistake stays.
struct Progress {
  std::string file;
  std::optional<Error> error;
  bool only_missing = false;  ///< the error is a key that isn't there: a misspelled one explains it better
};

/// A table whose keys are taken one by one; what was never asked for is unknown. It borrows a toml::table, of which
/// only toml.cc knows, because toml++ is slow to compile.
class Section {
 public:
  Section(const void* table, std::string name, Progress& progress)
      : table_(table), name_(std::move(name)), progress_(&progress) {}

  [[nodiscard]] int line() const;
  [[nodiscard]] int line(std::string_view key) const;
  [[nodiscard]] const std::string& file() const { return progress_->file; }
  [[nodiscard]] bool has(std::string_view key) const;
  /// "FILE:LINE" of the table.
  [[nodiscard]] std::string where() const { return file() + ":" + std::to_string(line()); }

  void wrong(int line, std::string reason, std::string advice = {});
  void wrong(std::string_view key, const std::string& reason, std::string advice = {});

  void text(std::string_view key, std::string& out);
  void needed_text(std::string_view key, std::string& out);
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
  /// `take(text, line)` for each element of a list of texts, none of them empty.
  void texts(std::string_view key, const std::function<void(const std::string&, int)>& take);
  /// One element of a list of numbers and names: a number, else a text that is not empty, else neither.
  struct Id {
    std::optional<std::uint32_t> number;
    std::string name;
    int line = 0;
  };
  void ids(std::string_view key, const std::function<void(const Id&)>& take);
  [[nodiscard]] std::optional<Section> section(std::string_view key);
  [[nodiscard]] std::vector<Section> sections(std::string_view key);
  /// Every key that nobody asked for is a mistake.
  void done();

 private:
  [[nodiscard]] std::string described(std::string_view key) const;
  const void* ask(std::string_view key);  // a toml::node, or null

  const void* table_;
  std::string name_;
  Progress* progress_;
  std::set<std::string> asked_;
};

}  // namespace tlspool::config
