// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "wire/ipc.h"

namespace tlspool::cli {

/// Where systemd finds the encrypted credential of this name for `LoadCredentialEncrypted=NAME`; empty: nowhere.
[[nodiscard]] std::string sealed_credential(const std::string& name);

/// PINs for the length of a command. systemd gives a token's `pin_credential` to the service alone; a command of root's that works in
/// the token has systemd-creds open it into an unnamed file in memory. The tokens then name that file, and the processes that the
/// command starts inherit it.
struct LentPins {
  std::vector<UniqueFd> files;
};
/// Leaves tokens as they are whose PIN comes otherwise, and all of them where this is not root.
[[nodiscard]] Result<LentPins> lend_pins(std::vector<wire::TokenSetup>& tokens);

}  // namespace tlspool::cli
