// SPDX-License-Identifier: Apache-2.0
#include "cli/pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/fd.h"
#include "base/socket.h"

namespace tlspool::cli {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) std::abort();
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
};

std::string drain(int fd) {
  std::string out;
  char chunk[4096];
  for (ssize_t n = 0; (n = read(fd, chunk, sizeof chunk)) > 0;) out.append(chunk, static_cast<std::size_t>(n));
  return out;
}

TEST(Pump, AnAnswerFlowsAfterTheQuestionEnded) {
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(pair);
  Pipe in;
  Pipe out;
  std::thread server([fd = std::move(pair->second)] {
    const std::string question = drain(fd.get());  // up to the half-close
    const std::string answer = "you said " + question;
    EXPECT_EQ(send(fd.get(), answer.data(), answer.size(), 0), static_cast<ssize_t>(answer.size()));
  });
  ASSERT_EQ(write(in.write.get(), "hello", 5), 5);
  in.write.reset();
  EXPECT_TRUE(pump(pair->first.get(), {in.read.get(), out.write.get()}));
  out.write.reset();
  EXPECT_EQ(drain(out.read.get()), "you said hello");
  server.join();
}

TEST(Pump, EndsWithTheServerWhileInputIsOpen) {
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(pair);
  Pipe in;
  Pipe out;
  ASSERT_EQ(send(pair->second.get(), "bye", 3, 0), 3);
  pair->second.reset();
  EXPECT_TRUE(pump(pair->first.get(), {in.read.get(), out.write.get()}));
  out.write.reset();
  EXPECT_EQ(drain(out.read.get()), "bye");
}

TEST(Pump, MovesMoreThanAnyBufferHoldsBothWaysAtOnce) {
  auto pair = socket_pair(SOCK_STREAM, false);
  ASSERT_TRUE(pair);
  Pipe in;
  Pipe out;
  const std::string much(3'000'000, 'x');
  std::thread echo([fd = std::move(pair->second)] {
    char chunk[10000];
    for (ssize_t n = 0; (n = read(fd.get(), chunk, sizeof chunk)) > 0;) {
      for (ssize_t at = 0; at < n;) at += send(fd.get(), chunk + at, static_cast<std::size_t>(n - at), 0);
    }
  });
  std::thread writer([&, fd = std::move(in.write)] {
    for (std::size_t at = 0; at < much.size();) at += static_cast<std::size_t>(write(fd.get(), much.data() + at, much.size() - at));
  });
  std::string got;
  std::thread reader([&] { got = drain(out.read.get()); });
  EXPECT_TRUE(pump(pair->first.get(), {in.read.get(), out.write.get()}));
  out.write.reset();
  reader.join();
  writer.join();
  echo.join();
  EXPECT_EQ(got, much);
}

}  // namespace
}  // namespace tlspool::cli
