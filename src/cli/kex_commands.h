// SPDX-License-Identifier: Apache-2.0
// `tlspool kex ...`, as commands.h has the other commands.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "kex/password.h"

namespace tlspool::cli {

/// Whether a key that nothing vouches for is accepted, to be compared by voice.
enum class FirstContact { refused, accepted };

/// Whom an exchange is with.
struct KexParties {
  std::string with;  ///< identity of the other side; may be empty in an answer
  std::string as;    ///< own identity; empty: the only one
  FirstContact first_contact = FirstContact::refused;
  std::chrono::seconds lifetime = std::chrono::days(7);
};

/// What becomes of the key.
struct KexResult {
  kex::Format format = kex::Format::password;
  std::optional<std::size_t> size;   ///< of the format's own unit
  std::string file;                  ///< empty: standard output
  std::optional<std::string> store;  ///< into the pool as a shared key of this name; empty: the other side's identity
};

struct KexStartOptions {
  std::string pool;
  KexParties parties;
};
[[nodiscard]] Status kex_start(const KexStartOptions& options);

struct KexReplyOptions {
  std::string pool;
  std::string file;  ///< with the message; empty: standard input
  KexParties parties;
  KexResult result;
};
[[nodiscard]] Status kex_reply(const KexReplyOptions& options);

struct KexConfirmOptions {
  std::string pool;
  std::string exchange;
  KexResult result;
};
/// People have compared the words, where that is needed; gives the result (again).
[[nodiscard]] Status kex_confirm(const KexConfirmOptions& options);

struct KexListOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status kex_list(const KexListOptions& options);

struct KexOneOptions {
  std::string pool;
  std::string exchange;
};
[[nodiscard]] Status kex_show(const KexOneOptions& options);
[[nodiscard]] Status kex_cancel(const KexOneOptions& options);

/// Asks at each step what is needed, on a terminal.
[[nodiscard]] Status kex_dialogue(const std::string& pool);

}  // namespace tlspool::cli
