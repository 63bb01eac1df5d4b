// SPDX-License-Identifier: Apache-2.0
// `tlspool qkd ...`, as commands.h has the other commands. The functions stand in src/qkd/.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace tlspool::cli {

struct QkdImportOptions {
  std::string pool;
  std::string peer;
  std::string file;  ///< empty or "-": standard input
};
[[nodiscard]] Status qkd_import(const QkdImportOptions& options);

struct QkdStatusOptions {
  std::string pool;
  std::string peer;  ///< empty: all of them
  Output output = Output::text;
};
[[nodiscard]] Status qkd_status(const QkdStatusOptions& options);

}  // namespace tlspool::cli
