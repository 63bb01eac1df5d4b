// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/sandbox.h"
#include "config/config.h"

namespace tlspool::cli {

/// The users that the processes of a root's pool become; missing ones are made with useradd(8), and said so.
[[nodiscard]] Status ensure_users(const config::Users& users);
/// Error: Code::not_found.
[[nodiscard]] Result<RunAs> find_user(const std::string& name);

}  // namespace tlspool::cli
