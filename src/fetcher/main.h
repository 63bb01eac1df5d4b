// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::fetcher {

/// `tlspoold --process fetcher`: asks key management entities for keys; `channel` leads to the supervisor. The exit
/// status of the process.
int run(int channel);

}  // namespace tlspool::fetcher
