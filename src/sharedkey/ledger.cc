// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/ledger.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "sharedkey/crc32.h"
#include "tls/openssl.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::uint8_t ledger_magic[8] = {'T', 'L', 'S', 'P', 'L', 'D', 'G', '1'};

/// Never 0: a record that ends in zeros is one whose end was never written.
std::uint32_t check_of(ByteView tombstone) {
  const std::uint32_t crc = crc32(tombstone);
  return crc == 0 ? 0xFFFFFFFFu : crc;
}

std::uint32_t stored_check(ByteView record) {
  std::uint32_t out = 0;
  for (const std::uint8_t byte : record.subspan(16, 4)) out = out << 8 | byte;
  return out;
}

/// What a write leaves that a crash tore when the file had grown already: a part of a record, then nothing but zeros.
bool is_torn(ByteView tail) {
  const ByteView unwritten = tail.size() > 16 ? tail.subspan(16) : ByteView{};
  return tail.size() < Ledger::record_size || std::all_of(unwritten.begin(), unwritten.end(), [](std::uint8_t b) { return b == 0; });
}

tl::unexpected<Error> damaged_ledger(std::string reason) {
  return fail({Code::protocol, "read ledger", "ledger", std::move(reason),
               "restore it from a backup that is not older than its last key, or start anew with new keys"});
}

}  // namespace

Tombstone tombstone_of(std::string_view store, ByteView id) {
  Bytes text;
  append_sized(text, view(store));
  append_sized(text, id);
  const Bytes digest = tls::sha256(text);
  Tombstone out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

std::size_t Ledger::slot_of(const Tombstone& t) const {
  // A tombstone is a hash already: its first bytes are as good a place as any.
  std::uint64_t start = 0;
  std::memcpy(&start, t.data(), sizeof start);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = start & mask;
  while (slots_[slot] != Tombstone{} && slots_[slot] != t) slot = (slot + 1) & mask;
  return slot;
}

bool Ledger::claimed(const Tombstone& t) const {
  if (t == Tombstone{}) return zero_;
  return !slots_.empty() && slots_[slot_of(t)] == t;
}

void Ledger::claim(const Tombstone& t) {
  if (claimed(t)) return;
  ++size_;
  if (t == Tombstone{}) {
    zero_ = true;
    return;
  }
  if (size_ * 4 > slots_.size() * 3) grow(size_);
  slots_[slot_of(t)] = t;
}

void Ledger::grow(std::size_t count) {
  std::size_t wanted = 64;
  while (count * 4 > wanted * 3) wanted *= 2;
  if (wanted <= slots_.size()) return;
  std::vector<Tombstone> old(wanted);
  old.swap(slots_);
  for (const Tombstone& t : old) {
    if (t != Tombstone{}) slots_[slot_of(t)] = t;
  }
}

ByteView Ledger::magic() { return ledger_magic; }

Bytes Ledger::record_of(const Tombstone& t) {
  Bytes out(t.begin(), t.end());
  const std::uint32_t check = check_of(t);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(check >> shift));
  return out;
}

Result<Ledger::Read> Ledger::read(ByteView file) {
  Read out;
  if (file.empty()) return out;
  const ByteView start = magic();
  if (file.size() < start.size() || !std::equal(start.begin(), start.end(), file.begin()))
    return damaged_ledger("does not begin as a ledger does");
  out.good = start.size();
  grow(size_ + file.size() / record_size);
  while (out.good < file.size()) {
    const ByteView rest = file.subspan(out.good);
    Tombstone t{};
    if (rest.size() >= record_size) std::copy_n(rest.begin(), t.size(), t.begin());
    if (rest.size() < record_size || stored_check(rest) != check_of(t)) {
      if (!is_torn(rest)) return damaged_ledger("record " + std::to_string(out.records + 1) + " at byte " + std::to_string(out.good) + " is damaged");
      break;
    }
    claim(t);
    out.good += record_size;
    ++out.records;
  }
  return out;
}

}  // namespace tlspool::sharedkey
