// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/sandbox.h"
#include "loop/channel.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

/// SOFTHSM2_CONF is set to softhsm2.conf of the working directory, where that is there.
void use_own_softhsm();

/// The first frame of every process: sets up the log. The socket must block.
[[nodiscard]] Status receive_log_setup(int channel);
/// Makes a descriptor blocking.
void make_blocking(int fd);

/// What tokens' modules may open while the pool runs.
[[nodiscard]] SandboxRequest keeper_sandbox(const wire::KeeperSetup& setup);

}  // namespace tlspool::keeper
