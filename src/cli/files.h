// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tlspool::cli {

/// What a command has made so far; unless keep() is called, all of it is taken away again, so that a
/// failure leaves nothing half-made behind. Things that were there before are never touched.
class Made {
 public:
  Made() = default;
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  ~Made();
  /// Makes the directory and missing ones above it (0755). One that is there already is left as it is.
  [[nodiscard]] Status directory(const std::string& path, mode_t mode);
  /// Writes a file that must not be there yet, whole or not at all.
  [[nodiscard]] Status file(const std::string& path, std::string_view text, mode_t mode);
  void keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

[[nodiscard]] bool exists(const std::string& path);

/// $XDG_STATE_HOME/tlspool/NAME, else ~/.local/state/tlspool/NAME: the user's own.
[[nodiscard]] std::string state_file(const std::string& name);
/// A line of such a file.
struct Line {
  int number = 0;
  std::vector<std::string> words;
};
/// Its lines, but for empty ones and comments (#); none where the file is not there.
[[nodiscard]] Result<std::vector<Line>> read_lines(const std::string& path);
/// Adds a line to a file that only its owner can read, and makes both where they are missing.
[[nodiscard]] Status append_line(const std::string& path, const std::string& line);

}  // namespace tlspool::cli
