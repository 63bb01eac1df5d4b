// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/secret.h"
#include "keeper/key.h"
#include "keeper/rejected_pins.h"

namespace tlspool::keeper {

/// A token that the provisioning process has logged in to.
struct OpenToken {
  Module* module = nullptr;
  Slot slot;
  Secret pin;
  Session session;  ///< read-write
};

/// Finds the token and logs in with the PIN of its file or credential; the working directory is the keeper's.
[[nodiscard]] Result<OpenToken> open_token(Modules& modules, const wire::TokenSetup& setup);
[[nodiscard]] std::string working_directory();
/// C_Login as the user, with a PIN that was not rejected before; a rejected one is remembered.
[[nodiscard]] Status log_in_once(const Session& session, const Slot& slot, const Secret& pin);

}  // namespace tlspool::keeper
