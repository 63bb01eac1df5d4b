// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cli/address.h"
#include "cli/dane_commands.h"

namespace tlspool::cli {

struct ServedBy {
  HostPort where;
  std::string server_name;  ///< for SNI
  StartTls starttls = StartTls::none;
  std::chrono::milliseconds timeout{10000};
};
/// The chain that a server shows, leaf first; nothing of it is verified, and nothing is said to the server but what it takes to
/// see it. `timeout` holds for the connection and for each wait after it.
[[nodiscard]] Result<std::vector<Bytes>> served_chain(const ServedBy& by);

}  // namespace tlspool::cli
