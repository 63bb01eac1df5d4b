// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::metrics {

/// `tlspoold --process metrics`: shows what the other processes count, to whoever asks by HTTP, until the supervisor closes the
/// channel. The exit status.
int run(int channel);

}  // namespace tlspool::metrics
