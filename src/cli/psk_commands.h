// SPDX-License-Identifier: Apache-2.0
// `tlspool psk ...`, as commands.h has the other commands.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "wire/shared_keys.h"

namespace tlspool::cli {

struct PskAddOptions {
  enum class From {
    text,        ///< standard input, hexadecimal or base64
    raw,         ///< standard input, as it is
    generated,   ///< random bytes
    passphrase,  ///< asked for, and stretched
  };
  enum class Show { nothing, key };
  enum class Weak { refused, accepted };
  std::string pool;
  std::string name;
  std::string token;  ///< [[token]]; empty: the first one
  wire::KeyMode mode = wire::KeyMode::plain;
  From from = From::text;
  std::uint32_t bytes = 32;         ///< From::generated
  Show show = Show::nothing;        ///< From::generated: print it once, so that it can be carried to the other side
  std::optional<std::string> salt;  ///< From::passphrase
  Weak weak = Weak::refused;        ///< From::passphrase
};
[[nodiscard]] Status psk_add(const PskAddOptions& options);

struct PskListOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status psk_list(const PskListOptions& options);

struct PskRemoveOptions {
  std::string pool;
  std::string name;
};
[[nodiscard]] Status psk_remove(const PskRemoveOptions& options);

}  // namespace tlspool::cli
