// SPDX-License-Identifier: Apache-2.0
// What people paste: any text. A message that is found can be written down again and is found again as the same one, also quoted.
#include <cstdlib>

#include "kex/armour.h"

namespace {

using namespace tlspool::kex;

void must(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto found = find_messages(text);
  if (!found) {
    must(!found.error().reason.empty());
    return 0;
  }
  const Armoured& first = found->front();
  std::string again = armour(first.step, first.message);
  for (std::size_t at = 0; at != std::string::npos && at < again.size(); at = again.find('\n', at + 3)) again.insert(at + (at > 0), "> ");
  const auto twice = find_messages(again);
  must(twice.has_value() && twice->front().step == first.step && twice->front().message == first.message);
  return 0;
}
