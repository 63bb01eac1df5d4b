// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/socket.h"

namespace tlspool {
namespace {

using namespace std::chrono_literals;

Deadline in(std::chrono::nanoseconds time) { return std::chrono::steady_clock::now() + std::chrono::duration_cast<Deadline::duration>(time); }

TEST(Deadline, LeavesNothingWhenItHasPassedAndAMillisecondBefore) {
  EXPECT_EQ(milliseconds_left(in(-1h)), 0);
  EXPECT_GE(milliseconds_left(in(1h)), 3'599'000);
  EXPECT_GT(milliseconds_left(in(24h * 365 * 100)), 0) << "more than poll() can count";
}

// Who sends a byte now and then must not be listened to for ever.
TEST(Deadline, EndsTheWaitForWhatIsThere) {
  const auto pair = socket_pair(SOCK_STREAM, true).value();
  EXPECT_EQ(wait_until(pair.first.get(), POLLIN, in(1ms)), Waited::late);
  ASSERT_EQ(write(pair.second.get(), "x", 1), 1);
  EXPECT_EQ(wait_until(pair.first.get(), POLLIN, in(1h)), Waited::ready);
  EXPECT_EQ(wait_until(pair.first.get(), POLLIN, in(-1ms)), Waited::late);
}

TEST(Deadline, WaitEndsWhenTheOtherSideIsGone) {
  auto pair = socket_pair(SOCK_STREAM, true).value();
  pair.second.reset();
  EXPECT_EQ(wait_until(pair.first.get(), POLLIN, in(1h)), Waited::ready);
}

TEST(Deadline, ConnectingTellsWhyItEnded) {
  sockaddr_in closed{};
  closed.sin_family = AF_INET;
  closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof closed;
  // Bound, so that nobody else listens there, and not listening.
  const UniqueFd bound{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto* const generic = reinterpret_cast<sockaddr*>(&closed);
  ASSERT_EQ(bind(bound.get(), generic, size), 0);
  ASSERT_EQ(getsockname(bound.get(), generic, &size), 0);
  const UniqueFd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  EXPECT_EQ(connect_until(fd.get(), *generic, size, in(1h)), ECONNREFUSED);
  ASSERT_EQ(listen(bound.get(), 1), 0);
  const UniqueFd again{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  EXPECT_EQ(connect_until(again.get(), *generic, size, in(1h)), 0);
}

}  // namespace
}  // namespace tlspool
