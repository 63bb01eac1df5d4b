// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "kex/message.h"

namespace tlspool::kex {

inline constexpr std::size_t longest_text = 1024 * 1024;

/// "CLIENT HELLO", "SERVER HELLO", "CLIENT FINISH", "SERVER FINISH".
[[nodiscard]] const char* label(Step step);

/// A message as text for mail and chat: `-----BEGIN TLS CLIENT HELLO-----`, base64 in 76 columns, `-----END TLS CLIENT HELLO-----`.
[[nodiscard]] std::string armour(Step step, ByteView message);

struct Armoured {
  Step step = Step::client_hello;
  Bytes message;
};
/// Finds the messages in what people paste: with prose around them, quoted, their lines ended or wrapped in another way, their hyphens made
/// dashes, with invisible characters in them. Of several, such as in an answer that quotes what it answers, the one that comes latest in an
/// exchange is the first; those of one step are in the order of the text. What is not whole is left out. Error: Code::invalid; the text is
/// too long, has no message, only a part of one, or what is no base64.
[[nodiscard]] Result<std::vector<Armoured>> find_messages(std::string_view text);
/// Whether the end of a message is there: what follows is prose, or an older message.
[[nodiscard]] bool has_end(std::string_view text);

}  // namespace tlspool::kex
