// SPDX-License-Identifier: Apache-2.0
// The keeper's ledger and throttle files. The first byte picks what the rest is: a ledger, a throttle file, or
// tombstones with damage that is then done to their ledger.
#include <algorithm>
#include <cstdlib>

#include "sharedkey/ledger.h"
#include "sharedkey/throttle.h"

using namespace tlspool;
using namespace tlspool::sharedkey;

namespace {

/// Every whole record is a claim, and what is left out could not have been one that the keeper acted on.
void ledger(ByteView file) {
  Ledger ledger;
  const auto read = ledger.read(file);
  if (!read) return;
  const std::size_t start = Ledger::magic().size();
  if (file.empty() ? read->good != 0 : read->good != start + read->records * Ledger::record_size) std::abort();
  if (read->good > file.size() || ledger.size() > read->records) std::abort();
  for (std::size_t at = start; at < read->good; at += Ledger::record_size) {
    Tombstone t;
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), t.size(), t.begin());
    const Bytes record = Ledger::record_of(t);
    if (!ledger.claimed(t) || !std::equal(record.begin(), record.end(), file.begin() + static_cast<std::ptrdiff_t>(at))) std::abort();
  }
  const ByteView left = file.subspan(read->good);
  if (left.size() >= Ledger::record_size && left.back() != 0) std::abort();
}

void throttle(ByteView file) {
  auto read = Throttle::read(file);
  if (!read) return;
  const Bytes once = read->write();
  auto again = Throttle::read(once);
  if (!again || again->write() != once) std::abort();
}

/// One changed byte is an error, or costs no claim.
void damaged(ByteView input) {
  if (input.size() < 3) return;
  const std::size_t place = input[0] * 256u + input[1];
  const std::uint8_t mask = input[2];
  Bytes file = copy_of(Ledger::magic());
  std::vector<Tombstone> tombstones;
  for (ByteView rest = input.subspan(3); rest.size() >= 16; rest = rest.subspan(16)) {
    std::copy_n(rest.begin(), 16, tombstones.emplace_back().begin());
    const Bytes record = Ledger::record_of(tombstones.back());
    file.insert(file.end(), record.begin(), record.end());
  }
  file[place % file.size()] ^= mask;
  ledger(file);
  Ledger ledger;
  if (!ledger.read(file)) return;
  // Only a check that becomes all zeros reads as a torn record: the last one's.
  if (!tombstones.empty() && std::all_of(file.end() - 4, file.end(), [](std::uint8_t b) { return b == 0; })) tombstones.pop_back();
  for (const Tombstone& t : tombstones) {
    if (!ledger.claimed(t)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView rest{data + 1, size - 1};
  switch (data[0] % 3) {
    case 0: ledger(rest); break;
    case 1: throttle(rest); break;
    case 2: damaged(rest); break;
  }
  return 0;
}
