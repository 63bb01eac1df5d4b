// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/error.h"

namespace CLI {
class App;
}

namespace tlspool::cli {

/// Adds `dane` and what is below it. `pool` is filled when the command line is parsed; `todo` is what to do then.
void add_dane(CLI::App& app, const std::string& pool, std::function<Status()>& todo);

}  // namespace tlspool::cli
