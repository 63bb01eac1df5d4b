// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "keeper/module.h"
#include "wire/provision.h"

namespace tlspool::keeper {

/// See wire::CheckToken: the steps of a keeper, each with its call and what that returned.
[[nodiscard]] wire::Checked check_token(Modules& modules, const wire::CheckToken& request);

}  // namespace tlspool::keeper
