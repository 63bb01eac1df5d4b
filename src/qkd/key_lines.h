// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

inline constexpr std::size_t longest_key_line = 1024;
inline constexpr std::size_t longest_key_file = 64 << 20;

/// "ID KEY": the key is the last word, in hexadecimal or base64 (what could be either is hexadecimal); the id is what
/// stands before it. std::nullopt for an empty line and for one that begins with '#'. Pure. The reason of an error
/// holds nothing of the line, for it may be a key.
[[nodiscard]] Result<std::optional<wire::NumberedKey>> parse_key_line(std::string_view line);

/// Parts what comes in pieces into lines. What it buffered is wiped.
class LineSplitter {
 public:
  using OnLine = std::function<Status(std::size_t number, std::string_view line)>;
  /// `on_line` gets each line without its end (LF, or CRLF). Errors: its own; Code::invalid for a line that is longer
  /// than longest_key_line and for more than longest_key_file bytes.
  [[nodiscard]] Status add(ByteView piece, const OnLine& on_line);
  /// The last line may lack its end.
  [[nodiscard]] Status finish(const OnLine& on_line);

 private:
  [[nodiscard]] Status give(const OnLine& on_line);
  Secret line_{longest_key_line};
  std::size_t have_ = 0;
  std::size_t number_ = 0;
  std::size_t total_ = 0;
};

}  // namespace tlspool::qkd
