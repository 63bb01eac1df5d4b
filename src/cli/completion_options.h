// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "base/error.h"

namespace CLI {
class App;
}

namespace tlspool::cli {

/// Adds `completion`, which looks at every command that `app` has when it runs.
void add_completion(CLI::App& app, std::function<Status()>& todo);

}  // namespace tlspool::cli
