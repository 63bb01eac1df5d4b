// SPDX-License-Identifier: Apache-2.0
// A message of a key exchange in its binary form. What is opened is what was sealed.
#include <cstdlib>

#include "kex/message.h"

namespace {

using namespace tlspool;

void must(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  if (const auto message = kex::open(input)) must(kex::seal(*message) == copy_of(input));
  // The checksum keeps most inputs from what lies behind it: the same bytes with one that fits.
  if (size < 2) return 0;
  kex::Message own;
  own.step = static_cast<kex::Step>(1 + data[0] % 4);
  own.records = copy_of(input.subspan(1));
  own.id = kex::exchange_id(own.records);
  const auto back = kex::open(kex::seal(own));
  must(back.has_value() == (kex::seal(own).size() <= kex::longest_message));
  if (back) must(back->step == own.step && back->id == own.id && back->records == own.records);
  return 0;
}
