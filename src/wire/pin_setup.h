// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "wire/codec.h"

namespace tlspool::wire {

/// [pins]
struct PinSetup {
  std::uint32_t first_use_days = 0;  ///< how long a pin lasts that was made at first use; 0: for ever
};
template <class Io> void fields(Io& io, PinSetup& m) { io(m.first_use_days); }

}  // namespace tlspool::wire
