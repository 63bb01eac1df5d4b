// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/error.h"

namespace CLI {
class App;
}

namespace tlspool::cli {

/// Adds `pin-peer` and `revoke`. `pool` is filled when the command line is parsed; `todo` is what to do then.
void add_pins_and_revocations(CLI::App& app, const std::string& pool, std::function<Status()>& todo);

}  // namespace tlspool::cli
