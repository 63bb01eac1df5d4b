// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

namespace tlspool::cli {

struct Standard {
  int input = 0;
  int output = 1;
};
/// Moves bytes both ways until the connection's incoming direction has ended and all of it was written. The
/// end of `input` ends the outgoing direction alone. Blocking descriptors are fine: it waits in poll().
[[nodiscard]] Status pump(int connection, Standard standard);

}  // namespace tlspool::cli
