// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "keeper/open_token.h"
#include "wire/provision.h"

namespace tlspool::keeper {

/// See wire::MakeToken.
[[nodiscard]] Result<wire::TokenMade> make_token(Modules& modules, const wire::MakeToken& request);
/// See wire::MakeKey.
[[nodiscard]] Result<wire::KeyRow> make_key(Modules& modules, const wire::MakeKey& request);
/// See wire::ListKeys.
[[nodiscard]] Result<wire::KeysListed> list_keys(Modules& modules, const wire::ListKeys& request);

}  // namespace tlspool::keeper
