// SPDX-License-Identifier: Apache-2.0
// What is asked of a hook and what it may answer: the body of the Open Policy Agent's API, for programs on one line with a
// number. docs/policy.md describes both.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/rule.h"
#include "base/error.h"
#include "wire/authorization.h"

namespace tlspool::authz {

/// {"input": {...}}; for a program also "id". One line, without its end.
[[nodiscard]] std::string hook_question(const Facts& facts, std::optional<std::uint64_t> id);

struct HookAnswer {
  bool allow = false;
  wire::Attributes attributes;
  std::uint32_t ttl = 0;  ///< seconds for which the answer may be remembered
  std::string reason;     ///< for people; may be empty
};
inline constexpr std::size_t longest_answer = 64 * 1024;

/// {"result": true}, {"result": false} or {"result": {"allow": ...}}; `id` must be there and the same where one was given. Anything
/// else is Code::protocol, and nobody is let in by it.
[[nodiscard]] Result<HookAnswer> parse_hook_answer(std::string_view text, std::optional<std::uint64_t> id);

/// Adds what a hook tells. What was told before stays: a later one adds to it, and changes nothing of it.
void add_attributes(wire::Attributes& to, const wire::Attributes& more);

}  // namespace tlspool::authz
