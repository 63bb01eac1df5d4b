// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/error.h"

namespace tlspool::cli {

/// A key that its user has compared by voice.
struct KexPin {
  std::string digest;  ///< SHA-256 of the SubjectPublicKeyInfo, hex
  int line = 0;
};

/// The user's own file of keys that were pinned at first contact, as known_hosts of ssh(1): lines "NAME DIGEST DATE", comments
/// begin with #. The last line of a name counts.
class KexPins {
 public:
  explicit KexPins(std::string path) : path_(std::move(path)) {}
  /// $XDG_STATE_HOME/tlspool/kex-pins, else ~/.local/state/tlspool/kex-pins.
  [[nodiscard]] static KexPins standard();

  /// Code::config, with the line, where the file can't be understood: then nobody is believed.
  [[nodiscard]] Result<std::optional<KexPin>> find(const std::string& name) const;
  [[nodiscard]] Status add(const std::string& name, const std::string& digest) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tlspool::cli
