// SPDX-License-Identifier: Apache-2.0
// The pre_shared_key extension of a ClientHello, which the worker reads itself. The identities lie inside it, in order,
// and each takes its length, its age and a binder beside it.
#include <cstdlib>

#include "sharedkey/hello.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView extension{data, size};
  const auto offered = sharedkey::offered_identities(extension);
  if (!offered) return 0;
  if (offered->empty() || offered->size() > 16) std::abort();
  const std::uint8_t* next = data + 2;
  std::size_t least = 4;
  for (const ByteView identity : *offered) {
    if (identity.empty() || identity.data() != next + 2) std::abort();
    next = identity.data() + identity.size() + 4;
    least += 2 + identity.size() + 4 + 33;
  }
  if (least > size) std::abort();
  return 0;
}
