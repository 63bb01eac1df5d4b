// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>

#include "base/error.h"
#include "cli/commands.h"

namespace tlspool::cli {

struct ExplainOptions {
  std::string pool;
  std::string to;       ///< NAME[:PORT] of a server; empty: `from` is there
  std::string from;     ///< name of a client
  std::string connect;  ///< HOST:PORT where the server is; empty: as `to` says
  std::string listen;   ///< HOST:PORT where the client will come
  std::string chain;    ///< PEM file, in place of a connection
  std::string service;
  std::string as;
  std::chrono::milliseconds timeout{30000};
  Output output = Output::text;
};
/// Which policies apply to a peer and what every check says. Code::policy where the peer is refused.
[[nodiscard]] Status explain(const ExplainOptions& options);

}  // namespace tlspool::cli
