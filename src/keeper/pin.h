// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

inline constexpr std::size_t max_pin = 256;

/// The PIN from a file: its first line's text, at most max_pin bytes. Refuses what is no regular file or can be read
/// by the group or others.
[[nodiscard]] Result<Secret> read_pin_file(const std::string& path);

/// The PIN that the configuration leads to: the PIN file, or $CREDENTIALS_DIRECTORY/NAME; std::nullopt where neither
/// is named and an administrator must enter it. `directory` is the keeper's own: files below it are opened relative
/// to the working directory, since the directories above may be closed to the keeper's user.
[[nodiscard]] Result<std::optional<Secret>> configured_pin(const wire::TokenSetup& token, const std::string& directory);

/// Drops one line end at the end of what was typed or read.
void strip_line_end(Secret& pin);

}  // namespace tlspool::keeper
