// SPDX-License-Identifier: Apache-2.0
#include "qkd/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <thread>

#include "base/fd.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

/// serve_http() at the other end of a socket.
class Peer {
 public:
  explicit Peer(HttpLimits limits = {}) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near_.reset(ends[0]);
    const timeval patience{20, 0};
    setsockopt(near_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    thread_ = std::thread([this, limits, fd = ends[1]] {
      const UniqueFd far(fd);
      HttpCalls calls;
      calls.answer = [this](Ask ask) {
        asked.push_back(ask);
        if (ask.target == "/denied") return Said(401, "", "");
        if (ask.target == "/bad") return Said(400, R"({"message":"bad"})", "");
        return Said(200, R"({"keys":")" + ask.method + ask.body + "\"}", "");
      };
      calls.idle = [] {};
      calls.busy = [] {};
      serve_http(far.get(), limits, calls);
    });
  }
  ~Peer() {
    near_.reset();
    if (thread_.joinable()) thread_.join();
  }
  void say(const std::string& text) { EXPECT_EQ(send(near_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size())); }
  /// Until the other side closes.
  std::string all() {
    shutdown(near_.get(), SHUT_WR);
    std::string out;
    char buffer[4096];
    for (ssize_t n; (n = recv(near_.get(), buffer, sizeof buffer, 0)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
    thread_.join();
    return out;
  }
  /// Until it closes by itself.
  std::string until_closed() {
    std::string out;
    char buffer[4096];
    ssize_t n = 0;
    while ((n = recv(near_.get(), buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<std::size_t>(n));
    EXPECT_TRUE(n == 0 || errno == ECONNRESET) << "it did not close";  // a reset where it had not read all
    return out;
  }
  std::vector<Ask> asked;

 private:
  UniqueFd near_;
  std::thread thread_;
};

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  Peer peer;
  peer.say("GET /a?x=%20 HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.say("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
  const std::string all = peer.all();
  EXPECT_EQ(count(all, "HTTP/1.1 200"), 2u) << all;
  EXPECT_EQ(count(all, "Content-Type: application/json"), 2u);
  EXPECT_NE(all.find(R"({"keys":"GET"})"), std::string::npos);
  EXPECT_NE(all.find(R"({"keys":"POSTbody"})"), std::string::npos);
  ASSERT_EQ(peer.asked.size(), 2u);
  EXPECT_EQ(peer.asked[0].target, "/a?x=%20") << "as it came";
}

TEST(HttpServer, UnauthorizedHasNoBody) {
  Peer peer;
  peer.say("GET /denied HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string all = peer.all();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 401")) << all;
  EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;
  EXPECT_EQ(count(all, "Content-Length: 0"), 1u) << all;
}

TEST(HttpServer, NeverCompressesOrCuts) {
  Peer peer;
  peer.say("GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nRange: bytes=0-1\r\n\r\n");
  const std::string all = peer.all();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << all;
  EXPECT_EQ(count(all, "Content-Encoding"), 0u) << all;
  EXPECT_TRUE(all.ends_with(R"({"keys":"GET"})")) << all;
}

TEST(HttpServer, BrokenHttpIs400AndTheConnectionEnds) {
  for (const std::string text : {"nonsense\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                                 "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"}) {
    HttpLimits limits;
    limits.request = std::chrono::milliseconds(300);  // so long a body that is too long is waited for
    Peer peer(limits);
    peer.say(text + "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string all = peer.until_closed();
    EXPECT_TRUE(all.empty() || all.starts_with("HTTP/1.1 400")) << text << all;
    EXPECT_EQ(count(all, "HTTP/1.1 200"), 0u) << "nothing that follows is a request: " << text;
    EXPECT_TRUE(peer.asked.empty());
  }
}

TEST(HttpServer, OverlongLinesAndHeadersEndTheConnection) {
  for (const std::string& text : {"GET /" + std::string(100'000, 'a'), "GET /a HTTP/1.1\r\n" + std::string(10'000, 'h') + ": x\r\n\r\n"}) {
    Peer peer;
    peer.say(text);
    const std::string all = peer.until_closed();
    EXPECT_EQ(count(all, "HTTP/1.1 200"), 0u) << all;
    EXPECT_TRUE(peer.asked.empty());
  }
}

TEST(HttpServer, SlowRequestsAndSilenceHaveAnEnd) {
  HttpLimits limits;
  limits.idle = std::chrono::milliseconds(50);
  limits.request = std::chrono::milliseconds(50);
  Peer silent(limits);
  EXPECT_EQ(silent.until_closed(), "");
  Peer slow(limits);
  slow.say("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
  EXPECT_EQ(count(slow.until_closed(), "HTTP/1.1 200"), 0u);
  EXPECT_TRUE(slow.asked.empty());
}

TEST(HttpServer, ConnectionEndsAfterItsLastRequest) {
  HttpLimits limits;
  limits.requests = 2;
  Peer peer(limits);
  for (int i = 0; i < 3; ++i) peer.say("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string all = peer.until_closed();
  EXPECT_EQ(count(all, "HTTP/1.1 200"), 2u);
  EXPECT_EQ(count(all, "Connection: close"), 1u);
}

}  // namespace
