// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/ledger.h"

#include <openssl/sha.h>

#include <algorithm>

namespace tlspool::sharedkey {
namespace {

constexpr std::array<std::uint8_t, 8> file_magic = {'T', 'P', 'l', 'e', 'd', 'g', 'r', '1'};
using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

Digest digest_of(ByteView bytes) {
  Digest out{};
  SHA256(bytes.data(), bytes.size(), out.data());
  return out;
}

void append_part(Bytes& out, ByteView part) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(part.size() >> shift));
  out.insert(out.end(), part.begin(), part.end());
}

}  // namespace

Tombstone tombstone_of(std::string_view store, ByteView id) {
  Bytes input;
  append_part(input, view(store));
  append_part(input, id);
  const Digest digest = digest_of(input);
  Tombstone out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

ByteView Ledger::magic() { return file_magic; }

Bytes Ledger::record_of(const Tombstone& t) {
  const Digest check = digest_of(t);
  Bytes out(t.begin(), t.end());
  out.insert(out.end(), check.begin(), check.begin() + (record_size - t.size()));
  return out;
}

Result<Ledger::Read> Ledger::read(ByteView file) {
  const auto damaged = [](std::string reason) { return fail({Code::protocol, "read", "ledger", std::move(reason), {}}); };
  Read out;
  const std::size_t head = std::min(file.size(), file_magic.size());
  if (!std::equal(file.begin(), file.begin() + static_cast<long>(head), file_magic.begin())) return damaged("it does not begin as a ledger does");
  if (head < file_magic.size()) return out;  // its very first write was torn
  out.good = head;
  while (file.size() - out.good >= record_size) {
    const ByteView record = file.subspan(out.good, record_size);
    Tombstone t{};
    std::copy_n(record.begin(), t.size(), t.begin());
    const Bytes expected = record_of(t);
    if (!std::equal(record.begin(), record.end(), expected.begin())) {
      // A file may grow before its new bytes are written: then the end of it is zeros.
      const ByteView rest = file.subspan(out.good);
      if (rest.size() == record_size || std::all_of(rest.begin(), rest.end(), [](std::uint8_t b) { return b == 0; })) break;
      return damaged("the record at byte " + std::to_string(out.good) + " is damaged");
    }
    claim(t);
    ++out.records;
    out.good += record_size;
  }
  return out;
}

}  // namespace tlspool::sharedkey
