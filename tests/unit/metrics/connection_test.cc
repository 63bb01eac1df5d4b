// SPDX-License-Identifier: Apache-2.0
#include "metrics/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "base/socket.h"

namespace tlspool::metrics {
namespace {

using namespace std::chrono_literals;

class MetricsConnection : public testing::Test {
 protected:
  void begin(std::string page, std::chrono::milliseconds deadline) {
    auto pair = socket_pair(SOCK_STREAM, true).value();
    caller = std::move(pair.first);
    connection.emplace(loop, std::move(pair.second), [page = std::move(page)] { return page; }, [this] { ended = true; }, deadline);
  }
  void say(std::string_view text) const { ASSERT_EQ(send(caller.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size())); }
  void turn_until_ended() {
    for (int i = 0; i < 1000 && !ended; ++i) loop.turn(20ms);
    EXPECT_TRUE(ended);
  }
  std::string heard() const {
    std::string out;
    std::array<char, 4096> bytes;
    for (ssize_t n; (n = recv(caller.get(), bytes.data(), bytes.size(), 0)) > 0;) out.append(bytes.data(), static_cast<std::size_t>(n));
    return out;
  }
  Loop loop;
  UniqueFd caller;
  std::optional<Connection> connection;
  bool ended = false;
};

TEST_F(MetricsConnection, AnswersAndEndsWhenTheCallerHasReadIt) {
  begin("a 1\n", 10s);
  say("GET /metrics HT");
  loop.turn(20ms);
  say("TP/1.1\r\n\r\n");
  loop.turn(1s);
  EXPECT_TRUE(heard().ends_with("\r\n\r\na 1\n"));
  EXPECT_FALSE(ended);
  caller.reset();
  turn_until_ended();
}

TEST_F(MetricsConnection, WhoSaysNothingIsCutOff) {
  begin("", 20ms);
  turn_until_ended();
}

TEST_F(MetricsConnection, WhoDoesNotReadIsCutOff) {
  begin(std::string(8 << 20, 'x'), 50ms);
  say("GET /metrics HTTP/1.1\r\n\r\n");
  turn_until_ended();
}

TEST_F(MetricsConnection, WhoWritesWithoutEndIsCutOff) {
  begin("a 1\n", 10s);
  say("GET /metrics HTTP/1.1\r\n\r\n");
  const std::string more(8192, 'x');
  for (int i = 0; i < 1000 && !ended; ++i) {
    (void)send(caller.get(), more.data(), more.size(), MSG_NOSIGNAL);
    loop.turn(20ms);
  }
  EXPECT_TRUE(ended);
}

TEST_F(MetricsConnection, WhoLeavesIsForgotten) {
  begin("", 10s);
  say("GET");
  caller.reset();
  turn_until_ended();
}

}  // namespace
}  // namespace tlspool::metrics
