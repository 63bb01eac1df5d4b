// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/hello.h"

#include "../vectors.h"

namespace tlspool::sharedkey {
namespace {

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

Bytes extension(const std::vector<std::string>& identities, const std::vector<std::size_t>& binders) {
  Bytes ids, sums, out;
  for (const auto& id : identities) {
    put16(ids, id.size());
    ids.insert(ids.end(), id.begin(), id.end());
    ids.insert(ids.end(), {1, 2, 3, 4});
  }
  for (const std::size_t size : binders) {
    sums.push_back(static_cast<std::uint8_t>(size));
    sums.insert(sums.end(), size, 0xBB);
  }
  put16(out, ids.size());
  out.insert(out.end(), ids.begin(), ids.end());
  put16(out, sums.size());
  out.insert(out.end(), sums.begin(), sums.end());
  return out;
}

std::string reason(const Bytes& bytes) {
  const auto read = offered_identities(bytes);
  if (read) return "taken";
  EXPECT_EQ(read.error().code, Code::protocol);
  return read.error().reason;
}

TEST(OfferedIdentities, ComeInTheirOrder) {
  const Bytes bytes = extension({"pkcs:object=a;id=1", std::string("\0x", 2)}, {48, 32});
  const auto read = offered_identities(bytes);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(text_of((*read)[0]), "pkcs:object=a;id=1");
  EXPECT_EQ(text_of((*read)[1]), std::string_view("\0x", 2));
}

TEST(OfferedIdentities, AreSixteenAtMost) {
  EXPECT_EQ(reason(extension(std::vector<std::string>(16, "a"), std::vector<std::size_t>(16, 32))), "taken");
  EXPECT_EQ(reason(extension(std::vector<std::string>(17, "a"), std::vector<std::size_t>(17, 32))), "more than 16 identities");
}

TEST(OfferedIdentities, EachHasABinderOfAtLeast32Bytes) {
  EXPECT_EQ(reason(extension({"a", "b"}, {32})), "2 identities, but 1 binders");
  EXPECT_EQ(reason(extension({"a"}, {32, 32})), "1 identities, but 2 binders");
  EXPECT_EQ(reason(extension({"a"}, {})), "1 identities, but 0 binders");
  EXPECT_EQ(reason(extension({"a"}, {31})), "a binder is shorter than 32 bytes");
}

TEST(OfferedIdentities, AreNotEmptyAndNotMissing) {
  EXPECT_EQ(reason(extension({""}, {32})), "an identity is empty");
  EXPECT_EQ(reason(extension({}, {})), "no identity");
}

TEST(OfferedIdentities, CutOffAnywhereOrWithMoreBehindAreRefused) {
  Bytes bytes = extension({"pkcs:object=a;id=1"}, {48});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(offered_identities(ByteView(bytes).first(size))) << size;
  bytes.push_back(0);
  EXPECT_EQ(reason(bytes), "lengths do not fit");
}

}  // namespace
}  // namespace tlspool::sharedkey
