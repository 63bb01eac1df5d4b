// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace tlspool::cli {

/// A key as people carry it: hexadecimal digits, two a byte, or base64 with its padding; blanks and line ends anywhere.
/// Hexadecimal digits alone are never taken for base64. Code::invalid; no error shows a byte of the text. Pure.
[[nodiscard]] Result<Secret> key_of_text(ByteView text);

/// Whether a shared key may have this size: Code::invalid, and why not. Pure.
[[nodiscard]] Status check_key_size(std::size_t bytes);

/// Whether a key of `tlspool psk` may have this name. Pure.
[[nodiscard]] Status check_key_name(const std::string& name);

}  // namespace tlspool::cli
