// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/provisioner.h"

namespace tlspool::cli {

/// The development CA, as an identity's certificate needs it.
struct Authority {
  std::string key;  ///< RFC 7512 URI
  std::string pem;
};

/// What one identity is made of.
struct IdentityPlan {
  std::string name;  ///< normalised
  KeyKind key;
  wire::TokenSetup token;
};

/// Key in the token, certificate by the CA, both files of the identity.
[[nodiscard]] Status make_identity(Provisioner& provisioner, const config::Paths& paths, const IdentityPlan& plan,
                                   const Authority& authority, Made& made);

}  // namespace tlspool::cli
