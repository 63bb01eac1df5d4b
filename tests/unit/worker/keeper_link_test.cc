// SPDX-License-Identifier: Apache-2.0
#include "worker/keeper_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <vector>

#include "base/socket.h"

namespace tlspool::worker {
namespace {

class KeeperLinkTest : public testing::Test {
 protected:
  KeeperLinkTest() {
    auto pair = socket_pair(SOCK_SEQPACKET, true);
    link.connect("t", std::move(pair->first));
    keeper = std::move(pair->second);
  }
  std::uint64_t ask(uid_t uid) {
    wire::SignRequest request{0, 1, 0x0403, 1, true, Bytes(130, static_cast<std::uint8_t>(uid))};
    EXPECT_TRUE(link.ask("t", uid, request, [this, uid](wire::SignReply reply) {
      answered.push_back(uid);
      if (!reply.problem.empty()) ++problems;
    }));
    return request.number;
  }
  /// What the keeper has before it answers anything.
  std::vector<wire::SignRequest> arrived() {
    std::vector<wire::SignRequest> out;
    Bytes packet(wire::max_sign_packet);
    for (ssize_t n; (n = recv(keeper.get(), packet.data(), packet.size(), MSG_DONTWAIT)) > 0;) {
      out.push_back(*wire::decode<wire::SignRequest>({packet.data(), static_cast<std::size_t>(n)}));
    }
    return out;
  }
  void answer(std::uint64_t number) {
    const std::size_t before = answered.size();
    (void)transmit(keeper.get(), wire::encode(wire::SignReply{number, {1}, {}}), {});
    turn();
    EXPECT_EQ(answered.size(), before + 1);
  }
  void turn() {
    for (int i = 0; i < 3; ++i) loop.turn(std::chrono::milliseconds{10});
  }
  static uid_t user_of(const wire::SignRequest& request) { return request.input.front(); }

  Loop loop;
  KeeperLink link{loop};
  UniqueFd keeper;
  std::vector<uid_t> answered;
  int problems = 0;
};

TEST_F(KeeperLinkTest, OneUsersThousandsKeepAnotherWaitingForOneTurn) {
  for (int i = 0; i < 2000; ++i) ask(1);
  ask(2);
  auto there = arrived();
  ASSERT_EQ(there.size(), KeeperLink::most_at_keeper);
  answer(there[0].number);
  answer(there[1].number);
  there = arrived();
  ASSERT_EQ(there.size(), 2u);
  EXPECT_TRUE(user_of(there[0]) == 2 || user_of(there[1]) == 2);
}

TEST_F(KeeperLinkTest, AllAreAnsweredInTheEnd) {
  for (int i = 0; i < 500; ++i) ask(1);
  while (answered.size() < 500) {
    const auto there = arrived();
    ASSERT_FALSE(there.empty());
    for (const auto& request : there) answer(request.number);
  }
  EXPECT_EQ(problems, 0);
}

TEST_F(KeeperLinkTest, WhatNobodyWaitsForAnyMoreIsNotSent) {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(ask(1));
  for (std::size_t i = 1; i < numbers.size(); ++i) link.forget(numbers[i]);
  const auto there = arrived();
  ASSERT_EQ(there.size(), KeeperLink::most_at_keeper);
  answer(there[0].number);
  EXPECT_TRUE(arrived().empty());
}

TEST_F(KeeperLinkTest, AKeeperThatGoesAwayAnswersEverybody) {
  for (int i = 0; i < 200; ++i) ask(1);
  keeper.reset();
  turn();
  EXPECT_EQ(answered.size(), 200u);
  EXPECT_EQ(problems, 200);
  wire::SignRequest request;
  EXPECT_FALSE(link.ask("t", 1, request, [](const wire::SignReply&) {}));
}

}  // namespace
}  // namespace tlspool::worker
