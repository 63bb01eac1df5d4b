// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"
#include "cli/kex_pool.h"

namespace tlspool::cli {

/// "b.example (verified by its certificate)". Pure.
[[nodiscard]] std::string who(const KexExchange& exchange);
/// The message as text, by its own step.
[[nodiscard]] Result<std::string> armoured(ByteView message);
/// The words to compare, on standard error, and what to do with them.
[[nodiscard]] Status say_words(const KexExchange& exchange);
/// For people, on standard error.
void say(const std::string& text);
/// The user has compared the words: finishes the exchange, and pins the key of the other side.
[[nodiscard]] Result<KexExchange> confirmed(KexPool& pool, const KexExchange& exchange);

/// Before a message is used up for it: whether deliver() can do what `result` says.
[[nodiscard]] Status check(const KexResult& result);
/// The key to where `result` says. Where that is standard output, it is labelled if it is a terminal.
[[nodiscard]] Status deliver(KexPool& pool, const KexExchange& exchange, const KexResult& result);
/// Where nothing but the result could be written: it must not come where a message stands.
enum class Mixed { message_too, result_alone };
[[nodiscard]] bool would_mix(const KexResult& result, Mixed mixed);

}  // namespace tlspool::cli
