// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlspool::judge {

/// The judge's whole life: reads trust anchors as the supervisor says on `channel` (owned), locks itself up
/// and answers the workers' questions about chains. Returns the exit status when the supervisor goes away.
[[nodiscard]] int run(int channel);

}  // namespace tlspool::judge
