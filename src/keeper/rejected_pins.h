// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace tlspool::keeper {

/// The PINs that tokens refused, so that no restart and no reload tries one of them again: a token locks itself
/// after few wrong ones. Kept as salted scrypt in a text file of one line each: token, salt, hash, in hexadecimal.
class RejectedPins {
 public:
  /// `file`: its path, "rejected-pins" in the keeper's directory; empty: nothing is kept.
  explicit RejectedPins(std::string file) : file_(std::move(file)) {}

  /// Code::pin_rejected where that PIN was refused by that token before, and what to do then. `token` identifies
  /// the token itself (label and serial number), not its name in the configuration.
  [[nodiscard]] Status check(const std::string& token, const Secret& pin) const;
  /// Remembers it, in memory even where the file can't be written; the error says that it was not.
  [[nodiscard]] Status remember(const std::string& token, const Secret& pin);

 private:
  struct Line {
    std::string token;
    Bytes salt;
    Bytes hash;
  };
  [[nodiscard]] std::vector<Line> lines() const;
  std::string file_;
  std::vector<Line> unwritten_;
};

}  // namespace tlspool::keeper
