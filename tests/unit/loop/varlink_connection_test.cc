// SPDX-License-Identifier: Apache-2.0
#include "loop/varlink_connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/socket.h"

namespace tlspool {
namespace {

struct Message {
  std::string text;
  std::size_t descriptors = 0;
};

class VarlinkConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = socket_pair(SOCK_STREAM, false);
    ASSERT_TRUE(pair);
    program = std::move(pair->first);
    connection = std::make_unique<VarlinkConnection>(
        loop, std::move(pair->second),
        [this](std::string text, std::vector<UniqueFd> fds) {
          messages.push_back({std::move(text), fds.size()});
          if (then) then();
        },
        [this] { ended = true; }, VarlinkConnection::Limits{1 << 18, 3});
  }
  void write(std::string_view text, std::size_t descriptors = 0) {
    const std::vector<int> fds(descriptors, 0);
    auto sent = transmit(program.get(), view(text), fds);
    ASSERT_TRUE(sent && *sent && **sent == text.size());
  }
  void turn() {
    for (int i = 0; i < 20; ++i) loop.turn(std::chrono::milliseconds{0});
  }
  std::string read_all() {
    std::string out(1 << 20, 0);
    const auto n = recv(program.get(), out.data(), out.size(), MSG_DONTWAIT);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
  }

  Loop loop;
  UniqueFd program;
  std::vector<Message> messages;
  std::function<void()> then;
  bool ended = false;
  std::unique_ptr<VarlinkConnection> connection;
};

using namespace std::string_view_literals;

TEST_F(VarlinkConnectionTest, DescriptorsStayWithTheirMessage) {
  write("{1}\0"sv);
  write("{2}\0"sv, 2);
  write("{3}\0"sv);
  write("{4}\0"sv, 1);
  turn();
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].descriptors, 0u);
  EXPECT_EQ(messages[1].descriptors, 2u);
  EXPECT_EQ(messages[2].descriptors, 0u);
  EXPECT_EQ(messages[3].descriptors, 1u);
  EXPECT_EQ(messages[3].text, "{4}");
}

TEST_F(VarlinkConnectionTest, PiecesMakeOneMessage) {
  write("{\"a\""sv, 1);
  turn();
  EXPECT_TRUE(messages.empty());
  write(":1}\0{\"b"sv);
  turn();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].text, "{\"a\":1}");
  EXPECT_EQ(messages[0].descriptors, 1u);
}

TEST_F(VarlinkConnectionTest, LargeMessageWithDescriptorsArrives) {
  std::string large(150000, 'x');
  large += '\0';
  write(large, 1);
  turn();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].text.size(), 150000u);
  EXPECT_EQ(messages[0].descriptors, 1u);
}

TEST_F(VarlinkConnectionTest, TooLongMessageClosesTheConnection) {
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 5 && !ended; ++i) {
    (void)transmit(program.get(), view(piece), {}, MSG_DONTWAIT);
    turn();
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(messages.empty());
}

TEST_F(VarlinkConnectionTest, TooManyDescriptorsCloseTheConnection) {
  write("{}\0"sv, 4);
  turn();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(messages.empty());
}

TEST_F(VarlinkConnectionTest, PauseHoldsTheNextMessageBack) {
  then = [this] { connection->pause(); };
  write("{1}\0{2}\0"sv);
  turn();
  EXPECT_EQ(messages.size(), 1u);
  connection->resume();
  turn();
  EXPECT_EQ(messages.size(), 2u);
}

TEST_F(VarlinkConnectionTest, HangUpIsNoticedWhilePaused) {
  connection->pause();
  turn();
  program.reset();
  turn();
  EXPECT_TRUE(ended);
}

TEST_F(VarlinkConnectionTest, CallbackMayDestroyTheConnection) {
  then = [this] { connection.reset(); };
  write("{1}\0{2}\0"sv);
  turn();
  EXPECT_EQ(messages.size(), 1u);
  EXPECT_FALSE(ended);
}

TEST_F(VarlinkConnectionTest, UnreadAnswersStopTheReading) {
  then = [this] { connection->send(std::string(1 << 20, 'a') + '\0'); };
  write("{1}\0{2}\0"sv);
  turn();
  EXPECT_EQ(messages.size(), 1u);
  std::size_t total = 0;
  for (int i = 0; i < 200; ++i) {
    total += read_all().size();
    turn();
  }
  EXPECT_EQ(messages.size(), 2u);
  EXPECT_EQ(total, 2u * ((1 << 20) + 1));
}

TEST_F(VarlinkConnectionTest, ReleasedSocketHoldsTheNextMessageUnread) {
  then = [this] { connection->pause(); };
  write("{1}\0{2}\0"sv, 1);
  turn();
  Bytes unread;
  UniqueFd socket = connection->release(unread);
  EXPECT_TRUE(unread.empty());
  EXPECT_FALSE(connection->open());
  std::array<std::uint8_t, 16> buffer{};
  auto got = receive(socket.get(), buffer, MSG_DONTWAIT);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(text_of({buffer.data(), (*got)->size}), "{2}\0"sv);
  EXPECT_FALSE(ended);
}

TEST_F(VarlinkConnectionTest, ReceivedDescriptorsAreCloseOnExec) {
  connection = nullptr;
  auto pair = socket_pair(SOCK_STREAM, false);
  int flags = 0;
  VarlinkConnection c(loop, std::move(pair->second),
                      [&](std::string, std::vector<UniqueFd> fds) { flags = fcntl(fds.at(0).get(), F_GETFD); }, [] {});
  program = std::move(pair->first);
  write("{}\0"sv, 1);
  turn();
  EXPECT_EQ(flags, FD_CLOEXEC);
}

}  // namespace
}  // namespace tlspool
