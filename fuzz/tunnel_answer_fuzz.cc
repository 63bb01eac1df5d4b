// SPDX-License-Identifier: Apache-2.0
// What a pool, or who poses as one, answers to a tunnel. There is always a worker to go to.
#include <cstdlib>

#include "tunnel/request.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tunnel::Outcomes outcomes = tunnel::outcomes_in({reinterpret_cast<const char*>(data), size});
  if (outcomes.workers < 1) std::abort();
  return 0;
}
