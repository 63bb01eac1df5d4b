// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "config/paths.h"
#include "wire/json.h"

namespace tlspool::cli {

struct Reply {
  wire::Value parameters;
  std::vector<UniqueFd> descriptors;
};

/// One call on the administrators' socket, start to end. Error: Code::closed where no daemon runs,
/// Code::denied where the socket is another user's, else what the daemon answered, with what to do.
[[nodiscard]] Result<Reply> call_admin(const config::Paths& paths, std::string_view method,
                                       wire::Value parameters = wire::Value::object(),
                                       std::chrono::seconds timeout = std::chrono::seconds(30));

/// `tlspool --pool DIR`, for advice that can be pasted into a shell.
[[nodiscard]] std::string command_for(const config::Paths& paths, std::string_view program = "tlspool");

}  // namespace tlspool::cli
