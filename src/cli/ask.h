// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace tlspool::cli {

struct Question {
  std::string what;    ///< "PIN": what errors are about
  std::string prompt;  ///< on a terminal
  std::size_t longest = 255;
  std::string if_empty;  ///< advice where nothing was entered
};

/// One line of standard input, without its end. Where that is a terminal, the user is asked there, without echo.
[[nodiscard]] Result<Secret> ask_secret(const Question& question);
/// Whether ask_secret() asks a person.
[[nodiscard]] bool asks_a_person();
/// Standard input to its end, `longest` bytes at most.
[[nodiscard]] Result<Secret> read_secret(const std::string& what, std::size_t longest);

}  // namespace tlspool::cli
