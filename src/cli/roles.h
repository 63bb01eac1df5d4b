// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "cli/commands.h"

namespace tlspool::cli {

/// The word of the command line and of the interface file.
[[nodiscard]] const char* word(Role role);

/// What the other side may be: what `roles` says, else what fits `own`.
[[nodiscard]] Role remote_role(Role own, const Roles& roles);

/// Finds what can't come to a connection, before there is one: roles that contradict each other, a delay of which
/// nobody makes use, nobody to `expect` where somebody must be. Pure. `command`: whose options they are.
[[nodiscard]] Status check_roles(std::string_view command, Role own, const Roles& roles, const std::string& expect);

}  // namespace tlspool::cli
