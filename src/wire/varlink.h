// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "wire/idl.h"
#include "wire/json.h"

namespace tlspool::wire {

/// One message, without its NUL, is at most this long (docs/protocol.md).
inline constexpr std::size_t max_message = 256 * 1024;

struct Call {
  std::string interface;  ///< "io.tlspool.Pool"
  std::string method;     ///< "StartTLS"
  Value parameters = Value::object();
  bool more = false;
  bool oneway = false;
};
/// Text without its NUL. Error: Code::protocol; the connection is then dropped.
[[nodiscard]] Result<Call> parse_call(std::string_view text);

/// Whether more replies to the same call follow.
enum class Reply { last, continues };
/// What a service says to a call: text with its NUL.
[[nodiscard]] std::string reply_text(Value parameters, Reply reply = Reply::last);
[[nodiscard]] std::string error_text(std::string_view error, Value parameters = Value::object());
/// Whether a call wants as many replies as there are.
enum class Replies { one, more };
/// A call's text with its NUL; `method` is the full name.
[[nodiscard]] std::string call_text(std::string_view method, Value parameters, Replies replies = Replies::one);

struct Answer {
  std::string error;  ///< full name; empty: success
  Value parameters = Value::object();
  bool continues = false;
};
[[nodiscard]] Result<Answer> parse_answer(std::string_view text);
/// The descriptor that a member of an answer names by its place among those that came; invalid where it names none.
[[nodiscard]] UniqueFd take_descriptor(const Value& parameters, std::string_view member, std::vector<UniqueFd>& came);

/// What every service does before its own methods: answers org.varlink.service.* for `offered`, refuses
/// unknown interfaces and methods, and parameters that do not fit the interface. std::nullopt: go on, the call
/// is valid for `offered`. `more` is for the method to look at; one that streams nothing answers once.
[[nodiscard]] std::optional<std::string> answer_common(const Call& call, const Interface& offered,
                                                       std::string_view version);

}  // namespace tlspool::wire
