// SPDX-License-Identifier: Apache-2.0
// What the judge keeps on the disk of pins and revoked peers, and reads again: a taken judge wrote it, and the next one
// must not fall over it. What is understood is written down as the same again, and an error names a line.
#include <cstdlib>

#include "trust/pins.h"
#include "trust/revoked.h"

using namespace tlspool;

namespace {

template <class State>
void read(std::string_view text) {
  const auto state = State::parse(text, "FILE");
  if (!state) {
    if (state.error().subject.empty() || state.error().reason.empty()) std::abort();
    return;
  }
  const std::string once = state->text();
  const auto again = State::parse(once, "FILE");
  if (!again || again->text() != once || again->size() != state->size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  read<trust::Pins>(text);
  read<trust::Revoked>(text);
  return 0;
}
