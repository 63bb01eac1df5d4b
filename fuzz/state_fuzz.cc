// SPDX-License-Identifier: Apache-2.0
// What the judge keeps on the disk of pins and revoked peers, and reads again: a taken judge wrote it, and the next one
// must not fall over it. What is understood is written down as the same again, and an error names a line.
#include <cstdlib>

#include "trust/pins.h"
#include "trust/revoked.h"

using namespace tlspool;

namespace {

// The rows in an order of their own: that in the file is no matter.
Bytes content(const trust::Pins& pins) {
  wire::JudgeAdminAnswer rows;
  rows.pins = pins.rows();
  rows.changes = pins.changes();
  return wire::encode(rows);
}
Bytes content(const trust::Revoked& revoked) { return copy_of(view(revoked.text())); }

template <class State>
void read(std::string_view text) {
  const auto state = State::parse(text, "FILE");
  if (!state) {
    if (state.error().subject.empty() || state.error().reason.empty()) std::abort();
    return;
  }
  const auto again = State::parse(state->text(), "FILE");
  if (!again || content(*again) != content(*state) || again->size() != state->size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  read<trust::Pins>(text);
  read<trust::Revoked>(text);
  return 0;
}
