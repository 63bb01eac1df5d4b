// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/ledger.h"

#include "../vectors.h"

namespace tlspool::sharedkey {
namespace {

Tombstone tombstone(std::size_t n) { return tombstone_of("hsm.b.example", view(std::to_string(n))); }

void append(Bytes& file, const Bytes& bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); }

Bytes file_of(std::size_t records) {
  Bytes out = copy_of(Ledger::magic());
  for (std::size_t i = 0; i < records; ++i) append(out, Ledger::record_of(tombstone(i)));
  return out;
}

std::size_t claimed(const Ledger& ledger, std::size_t of) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < of; ++i) out += ledger.claimed(tombstone(i)) ? 1 : 0;
  return out;
}

TEST(Tombstone, IsAsTheVectorsSay) {
  for (const auto& entry : cases_of("derived/tombstones.json"))
    EXPECT_EQ(hex(tombstone_of(entry.text("store"), bytes_of(entry, "id"))), entry.text("tombstone"));
}

TEST(Ledger, RemembersWhatWasClaimedAndNothingElse) {
  Ledger ledger;
  EXPECT_FALSE(ledger.claimed(tombstone(1)));
  for (std::size_t i = 0; i < 5000; i += 2) {
    ledger.claim(tombstone(i));
    ledger.claim(tombstone(i));
  }
  EXPECT_EQ(ledger.size(), 2500u);
  for (std::size_t i = 0; i < 5000; ++i) EXPECT_EQ(ledger.claimed(tombstone(i)), i % 2 == 0) << i;
}

TEST(Ledger, ATombstoneOfZerosIsOneLikeAnother) {
  Ledger ledger;
  EXPECT_FALSE(ledger.claimed(Tombstone{}));
  ledger.claim(Tombstone{});
  EXPECT_TRUE(ledger.claimed(Tombstone{}));
  EXPECT_EQ(ledger.size(), 1u);
  Bytes file = copy_of(Ledger::magic());
  append(file, Ledger::record_of(Tombstone{}));
  Ledger again;
  ASSERT_TRUE(again.read(file));
  EXPECT_TRUE(again.claimed(Tombstone{}));
}

TEST(Ledger, AFileReadsBack) {
  Ledger ledger;
  const auto read = ledger.read(file_of(1000));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->records, 1000u);
  EXPECT_EQ(read->good, 8 + 1000 * Ledger::record_size);
  EXPECT_EQ(ledger.size(), 1000u);
  EXPECT_EQ(claimed(ledger, 1001), 1000u);
}

TEST(Ledger, NothingIsALedgerThatDoesNotExistYet) {
  Ledger ledger;
  const auto read = ledger.read({});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->good, 0u);
}

TEST(Ledger, CutAtAnyByteItKeepsEveryWholeRecord) {
  const Bytes file = file_of(6);
  for (std::size_t size = 1; size < file.size(); ++size) {
    Ledger ledger;
    const auto read = ledger.read(ByteView(file).first(size));
    if (size < Ledger::magic().size()) {
      ASSERT_FALSE(read) << size;
      continue;
    }
    ASSERT_TRUE(read) << size << read.error().text();
    const std::size_t whole = (size - 8) / Ledger::record_size;
    EXPECT_EQ(read->records, whole) << size;
    EXPECT_EQ(read->good, 8 + whole * Ledger::record_size) << size;
    EXPECT_EQ(claimed(ledger, 6), whole) << size;
  }
}

TEST(Ledger, AnyByteChangedInAnyWayIsNoticed) {
  const Bytes file = file_of(4);
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (int mask = 1; mask < 256; ++mask) {
      Bytes changed = file;
      changed[at] ^= static_cast<std::uint8_t>(mask);
      Ledger ledger;
      const auto read = ledger.read(changed);
      ASSERT_FALSE(read) << "byte " << at << " mask " << mask;
      EXPECT_EQ(read.error().code, Code::protocol);
    }
  }
}

TEST(Ledger, WhatACrashLeftOfTheLastWriteIsLeftOut) {
  const Bytes file = file_of(3), grown = file_of(6);
  // The file has its new size, and of the data a part that ends at a sector or a page; the rest is zeros.
  for (std::size_t written = file.size(); written < grown.size(); written += 4) {
    Bytes torn(grown.begin(), grown.begin() + static_cast<std::ptrdiff_t>(written));
    torn.resize(grown.size());
    Ledger ledger;
    const auto read = ledger.read(torn);
    ASSERT_TRUE(read) << written << read.error().text();
    EXPECT_EQ(read->good, 8 + (written - 8) / Ledger::record_size * Ledger::record_size);
    EXPECT_EQ(claimed(ledger, 3), 3u);
  }
}

TEST(Ledger, ATornRecordIsAnErrorWhereMoreFollows) {
  Bytes file = file_of(2);
  file.resize(file.size() + 20);
  append(file, Ledger::record_of(tombstone(3)));
  Ledger ledger;
  const auto read = ledger.read(file);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "record 3 at byte 48 is damaged");
}

TEST(Ledger, AnotherFileIsRefused) {
  Ledger ledger;
  EXPECT_FALSE(ledger.read(Bytes(8)));
  EXPECT_FALSE(ledger.read(view("TLSPLDG2")));
}

}  // namespace
}  // namespace tlspool::sharedkey
