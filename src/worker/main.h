// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::worker {

/// The worker process: TLS sessions of programs. `channel` is the stream socket to the supervisor. Returns
/// the exit status.
int run(int channel);

}  // namespace tlspool::worker
