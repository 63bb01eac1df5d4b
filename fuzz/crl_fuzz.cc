// SPDX-License-Identifier: Apache-2.0
// Lists of revoked certificates come from anywhere on the network, in front of their signature's check.
#include <cstdlib>

#include "trust/crl.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView text(data, size);
  auto lists = trust::Crl::read(text, 1 << 20, "fuzz");
  if (!lists) return 0;
  for (const trust::Crl& list : *lists) {
    if (list.next_update() <= list.this_update()) std::abort();
    (void)list.out_of_date(1'700'000'000);
    (void)list.does_not_continue(lists->front());
    // Every serial number is at most 64 bytes; the whole input is none of them.
    for (std::size_t n = 0; n < size && n < 24; ++n) (void)list.find(text.first(n));
    if (size > 64 && list.find(text) != trust::Crl::Entry::none) std::abort();
  }
  return 0;
}
