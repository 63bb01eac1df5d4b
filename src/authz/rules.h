// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/socket.h"
#include "wire/ipc.h"

namespace tlspool::authz {

/// Who calls, as the kernel says.
struct Caller {
  PeerCredentials credentials;
  std::string executable;  ///< empty: not known; then no rule holds that names an executable
};

/// Whether any rule looks at the executable, so that it must be found out first.
[[nodiscard]] bool need_executable(const std::vector<wire::AllowRule>& rules);

/// Whether one rule grants `caller` the use of `identity` in `role`. Empty identity: a client that shows
/// none; any rule for the caller and the role will do. No rules: nobody may.
[[nodiscard]] bool allowed(const std::vector<wire::AllowRule>& rules, const Caller& caller, std::string_view identity,
                           wire::RoleBits role);

}  // namespace tlspool::authz
