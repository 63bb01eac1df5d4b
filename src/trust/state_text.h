// SPDX-License-Identifier: Apache-2.0
// Text files in which the judge keeps what it has learnt (docs/formats.md): a first line with kind and version, one line
// a row, and a last line that counts the rows, so that a file that lost its end is known as such.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tlspool::trust {

class StateText {
 public:
  /// `kind` is one word, such as "pins".
  explicit StateText(std::string_view kind);
  /// A row of words; blanks, control characters and the like are written as %XX.
  void add(std::initializer_list<std::string_view> words);
  [[nodiscard]] std::string take();

 private:
  std::string text_;
  std::size_t rows_ = 0;
};

/// One row as it was added, and the line where it stands.
struct StateRow {
  std::size_t line = 0;
  std::vector<std::string> words;
};
/// Strict: anything that StateText does not write is Code::config, subject "PATH:LINE".
[[nodiscard]] Result<std::vector<StateRow>> read_state_text(std::string_view text, std::string_view kind, const std::string& path);

/// A decimal number that is not negative, without needless zeros.
[[nodiscard]] Result<std::int64_t> state_number(const std::string& word);

}  // namespace tlspool::trust
