// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace tlspool::kex {

/// What mail and chat programs make of plain text, taken back: hyphens of every sort become "-", blanks of every sort " ", ends of lines
/// "\n"; invisible characters go; "&gt;", "&nbsp;" and "<br>" of HTML are read. Other bytes stay as they are.
[[nodiscard]] std::string plain_text(std::string_view text);

}  // namespace tlspool::kex
