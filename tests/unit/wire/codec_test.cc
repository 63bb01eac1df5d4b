// SPDX-License-Identifier: Apache-2.0
#include "wire/codec.h"

#include <gtest/gtest.h>

#include "wire/ipc.h"
#include "wire/policy.h"

namespace tlspool::wire {
namespace {

template <class T>
void expect_strict(const T& message) {
  const Bytes bytes = encode(message);
  const auto back = decode<T>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode<T>(ByteView{bytes}.first(size))) << "cut at " << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode<T>(longer));
}

WorkerSetup worker_setup() {
  WorkerSetup m;
  m.index = 1;
  m.policy = {1, 2, 3};
  m.ticket_key = Bytes(80, 9);
  m.identities = {{"web.example", role_server, {{7, KeyType::rsa, true, true, "default", "", {Bytes(300, 4), Bytes(2, 5)}}}}};
  m.rules = {{{33}, {4, 5}, {"/usr/sbin/nginx"}, {"*"}, role_server}};
  m.default_identity = "web.example";
  return m;
}

TEST(Codec, EveryTruncationFails) {
  expect_strict(worker_setup());
  expect_strict(SignRequest{42, 7, 0x0403, role_server, true, Bytes(130, 32)});
  expect_strict(SignReply{42, Bytes(70, 1), "C_Sign: CKR_DEVICE_REMOVED"});
  expect_strict(ChainQuery{true, "web.example", {Bytes(5, 1), {}, Bytes(1, 2)}, "imap"});
  expect_strict(ChainVerdict{true, "web.example", {"web.example"}, "chain", "CN=CA", -1, "", "", "", 0});
  expect_strict(KeeperReport{{{"default", TokenState::locked, "l", "m", "p"}}, {{7, true, KeyType::p384, 384, false, {}, ""}}});
  expect_strict(LogSetup{true, 1, "worker-0"});
  expect_strict(Adopt{3, Bytes(9, 9)});
  expect_strict(Visit{Visit::Asks::list, 3, Bytes(9, 9)});
  expect_strict(SessionList{{{"id", 1, "client", "", "www.example", "tls13", "suite", "", 33, 7, 1, 2, 3, true}}});
  expect_strict(PolicySetup{{".example", 3, 10}, {}, {"smtp", 5, 12}, {"dane", 6, 10}, "policies/a.toml", 2});
}

TEST(Codec, ValuesComeBack) {
  const auto back = decode<WorkerSetup>(encode(worker_setup()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->identities.at(0).credentials.at(0).chain.at(1), Bytes(2, 5));
  EXPECT_EQ(back->rules.at(0).executables.at(0), "/usr/sbin/nginx");
  EXPECT_EQ(back->ticket_key, Bytes(80, 9));
}

TEST(Codec, CountsBeyondTheMessageFailWithoutAllocating) {
  EXPECT_FALSE(decode<Adopt>(Bytes{0, 0, 0, 0, 255, 255, 255, 255}));
  EXPECT_FALSE(decode<SessionList>(Bytes{255, 255, 255, 255, 1, 2, 3}));
}

TEST(Codec, EveryByteMayBeAnythingWithoutACrash) {
  const Bytes good = encode(worker_setup());
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 0xFF;
    (void)decode<WorkerSetup>(bad);
  }
}

}  // namespace
}  // namespace tlspool::wire
