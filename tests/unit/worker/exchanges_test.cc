// SPDX-License-Identifier: Apache-2.0
#include "worker/exchanges.h"

#include <ctime>

#include "key_handshake.h"

namespace tlspool::worker {
namespace {

class ExchangesTest : public ::testing::Test {
 protected:
  Result<Exchange*> add(uid_t uid, std::chrono::seconds lifetime = std::chrono::hours(1)) {
    authz::Caller caller;
    caller.credentials.uid = uid;
    ExchangeRequest request;
    request.local_identity = "a.example";
    request.remote_identity = "b.example";
    request.lifetime = lifetime;
    return exchanges_.add({loop_, side_.sign, side_.keys, side_.judge, side_.sessions, side_.staples, side_.agents}, nullptr, std::move(caller), std::move(request));
  }

  Loop loop_;
  Side side_{loop_};
  Audit audit_;
  Exchanges exchanges_{loop_, audit_};
};

TEST_F(ExchangesTest, BelongToTheirUser) {
  const auto mine = add(1);
  const auto theirs = add(2);
  ASSERT_TRUE(mine && theirs);
  EXPECT_NE((*mine)->id(), (*theirs)->id());
  EXPECT_EQ(exchanges_.find(1, (*mine)->id()), *mine);
  EXPECT_EQ(exchanges_.find(2, (*mine)->id()), nullptr);
  EXPECT_EQ(exchanges_.of(1), std::vector<Exchange*>{*mine});
  EXPECT_EQ(exchanges_.of(3), std::vector<Exchange*>{});
}

TEST_F(ExchangesTest, AreGoneWhenTheirTimeIsOver) {
  const auto lasting = add(1);
  const auto brief = add(1, std::chrono::seconds(1));
  ASSERT_TRUE(lasting && brief);
  const std::string id = (*brief)->id();
  const std::int64_t end = (*brief)->expires();
  for (int i = 0; i < 2000 && std::time(nullptr) < end; ++i) loop_.turn(std::chrono::milliseconds{10});
  EXPECT_EQ(exchanges_.find(1, id), nullptr);
  EXPECT_EQ(exchanges_.of(1), std::vector<Exchange*>{*lasting});
}

TEST_F(ExchangesTest, OneUserHasSoManyAndLeavesRoomForOthers) {
  for (std::size_t i = 0; i < Exchanges::most_of_one_user; ++i) ASSERT_TRUE(add(1));
  const auto refused = add(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::busy);
  EXPECT_NE(refused.error().text().find("one user: 32 key exchanges"), std::string::npos) << refused.error().text();
  ASSERT_TRUE(add(2));
  exchanges_.remove(exchanges_.of(1).front());
  EXPECT_TRUE(add(1));
}

TEST_F(ExchangesTest, ThoseThatAreOverLeaveRoomAtOnce) {
  for (std::size_t i = 0; i < Exchanges::most_of_one_user; ++i) ASSERT_TRUE(add(1, std::chrono::seconds(0)));
  EXPECT_TRUE(add(1));
}

TEST_F(ExchangesTest, AllUsersTogetherHaveSoMany) {
  uid_t uid = 0;
  for (std::size_t i = 0; i < Exchanges::most; ++i) {
    if (i % Exchanges::most_of_one_user == 0) ++uid;
    ASSERT_TRUE(add(uid)) << i;
  }
  const auto refused = add(uid + 1);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("all users: 1024 key exchanges"), std::string::npos) << refused.error().text();
}

}  // namespace
}  // namespace tlspool::worker
