// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/error.h"

namespace tlspool::cli {

/// Questions to a person on a terminal, who also pastes text from elsewhere. What was typed or pasted before a question answers none:
/// the rest of a pasted mail, which somebody else wrote, must not say "yes". Every function gives Code::closed where the person leaves,
/// by Ctrl-D or by closing the terminal.
[[nodiscard]] Result<std::string> ask_line(const std::string& prompt);
[[nodiscard]] Result<bool> ask_yes(const std::string& prompt);

/// All that is pasted in one go, with no key to press afterwards: when the input pauses and `whole` says so of what has come. Lines may be
/// longer than a terminal's own editing allows. Ctrl-D ends it in any case.
[[nodiscard]] Result<std::string> ask_paste(const std::string& prompt, std::size_t longest, const std::function<bool(const std::string&)>& whole);

}  // namespace tlspool::cli
