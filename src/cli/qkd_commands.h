// SPDX-License-Identifier: Apache-2.0
// `tlspool qkd ...`, as commands.h has the other commands. The functions stand in src/qkd/.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace tlspool::cli {

struct QkdFetchOptions {
  std::string pool;
  std::string peer;
  std::uint32_t count = 100;
  std::string ids;           ///< file with the ids that the other site fetched, "-" for standard input; empty: new keys
  std::uint32_t bits = 256;  ///< of a new key
  Output output = Output::text;
};
[[nodiscard]] Status qkd_fetch(const QkdFetchOptions& options);

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

struct QkdAuditOptions {
  std::string pool;
  std::string peer;
  std::string listen;   ///< A:P; this or `connect`
  std::string connect;  ///< A:P
  std::string as;       ///< identity to prove; empty: the peer's `as`, else the pool's name
  std::string expect;   ///< name that the other site must prove; empty: the peer's name
  SharedKey shared_key = SharedKey::by_policy;
  std::chrono::milliseconds timeout{300'000};  ///< for all of it
  Output output = Output::text;
};
[[nodiscard]] Status qkd_audit(const QkdAuditOptions& options);

}  // namespace tlspool::cli
