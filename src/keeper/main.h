// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::keeper {

/// The keeper: descriptor `channel` is its stream socket to the supervisor, the working directory its own. Returns
/// the exit code when the supervisor's end closes or SIGTERM comes.
int run(int channel);

/// The one-shot process that makes tokens, keys and certificates for the `tlspool` command (wire/provision.h).
int provision(int channel);

}  // namespace tlspool::keeper
