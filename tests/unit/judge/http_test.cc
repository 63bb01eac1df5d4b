// SPDX-License-Identifier: Apache-2.0
#include "judge/http.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "../temporary_directory.h"
#include "../turn_until.h"
#include "http_server.h"

namespace tlspool::judge::http_tests {
namespace {

using test::HttpServer;
using std::chrono::milliseconds;

struct Waiting {
  Loop loop;
  template <class Condition>
  void until(Condition happened) {
    EXPECT_TRUE(test::turn_until(loop, happened));
  }
  Result<HttpReply> get(Http& http, HttpRequest request) {
    std::optional<Result<HttpReply>> got;
    (void)http.send(std::move(request), [&](Result<HttpReply> reply) { got = std::move(reply); });
    EXPECT_FALSE(got);
    until([&] { return got.has_value(); });
    return got ? std::move(*got) : fail({Code::timeout, "wait", "", "", ""});
  }
};

HttpServer::Answer hello(const std::string&) { return {HttpServer::reply("hello", "200 OK", "Content-Type: text/x\r\n")}; }

/// Says hello, and keeps what was asked last.
struct NotingServer {
  std::string seen;
  HttpServer server{[this](const std::string& request) {
    seen = request;
    return hello(request);
  }};
};

TEST(Http, AnswersWithStatusTypeAndBody) {
  Waiting w;
  HttpServer server(hello);
  Http http(w.loop);
  const auto reply = w.get(http, {.url = server.url("/a?b")});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->content_type, "text/x");
  EXPECT_EQ(text_of(reply->body), "hello");
}

TEST(Http, AsksForNothingButTheBody) {
  Waiting w;
  NotingServer noting;
  Http http(w.loop);
  ASSERT_TRUE(w.get(http, {.url = noting.server.url("/a"), .headers = {"Accept: x/y"}}));
  EXPECT_TRUE(noting.seen.starts_with("GET /a HTTP/1.1\r\n")) << noting.seen;
  EXPECT_NE(noting.seen.find("\r\nAccept: x/y\r\n"), std::string::npos) << noting.seen;
  for (const char* header : {"Accept-Encoding", "Cookie", "Authorization", "Upgrade"}) {
    EXPECT_EQ(noting.seen.find(header), std::string::npos) << noting.seen;
  }
}

TEST(Http, PostsABodyAtOnce) {
  Waiting w;
  NotingServer noting;
  Http http(w.loop);
  const std::string large(3000, 'x');
  ASSERT_TRUE(w.get(http, {.url = noting.server.url(), .body = copy_of(view(large)), .headers = {"Content-Type: application/json"}}));
  EXPECT_TRUE(noting.seen.starts_with("POST / HTTP/1.1\r\n")) << noting.seen;
  EXPECT_TRUE(noting.seen.ends_with("\r\n\r\n" + large));
  EXPECT_NE(noting.seen.find("Content-Type: application/json\r\n"), std::string::npos) << noting.seen;
  EXPECT_EQ(noting.seen.find("Expect"), std::string::npos) << noting.seen;
}

TEST(Http, KeepsAConnectionForTheNextRequest) {
  Waiting w;
  HttpServer server(hello);
  Http http(w.loop);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(w.get(http, {.url = server.url()}));
  EXPECT_EQ(server.requests(), 3);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Http, ErrorsOfTheServerAreReplies) {
  Waiting w;
  HttpServer server([](const std::string&) { return HttpServer::Answer{HttpServer::reply("no", "404 Not Found")}; });
  Http http(w.loop);
  const auto reply = w.get(http, {.url = server.url()});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 404);
}

TEST(Http, AReplyThatIsTooLargeEndsBeforeItsEnd) {
  Waiting w;
  HttpServer announced([](const std::string&) { return HttpServer::Answer{"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"}; });
  HttpServer endless([](const std::string&) { return HttpServer::Answer{"HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'), false, true}; });
  for (HttpServer* server : {&announced, &endless}) {
    Http http(w.loop);
    const auto reply = w.get(http, {.url = server->url(), .most_bytes = 5000});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::protocol);
    EXPECT_NE(reply.error().text().find("larger than 5000 bytes"), std::string::npos) << reply.error().text();
  }
}

TEST(Http, AReplyOfTheLargestSizeIsTaken) {
  Waiting w;
  HttpServer server(hello);
  Http http(w.loop);
  EXPECT_TRUE(w.get(http, {.url = server.url(), .most_bytes = 5}));
  EXPECT_FALSE(w.get(http, {.url = server.url(), .most_bytes = 4}));
}

TEST(Http, EndlessHeadersAreNoReply) {
  Waiting w;
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(40, 'x') + "\r\n";
  HttpServer server([&](const std::string&) { return HttpServer::Answer{headers, false, true}; });
  Http http(w.loop);
  const auto reply = w.get(http, {.url = server.url()});
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().text().find("headers are larger"), std::string::npos) << reply.error().text();
}

TEST(Http, ALateReplyIsNone) {
  Waiting w;
  HttpServer server([](const std::string&) { return HttpServer::Answer{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", false, true}; });
  Http http(w.loop);
  const auto reply = w.get(http, {.url = server.url(), .deadline = milliseconds{100}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::timeout);
  EXPECT_NE(reply.error().text().find("within 100 ms"), std::string::npos) << reply.error().text();
}

TEST(Http, HalfAReplyIsNone) {
  Waiting w;
  HttpServer cut([](const std::string&) { return HttpServer::Answer{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", true}; });
  HttpServer mute([](const std::string&) { return HttpServer::Answer{"", true}; });
  for (HttpServer* server : {&cut, &mute}) {
    Http http(w.loop);
    const auto reply = w.get(http, {.url = server->url()});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::closed) << reply.error().text();
  }
  HttpServer other([](const std::string&) { return HttpServer::Answer{"220 mail.example ESMTP\r\n", true}; });
  Http http(w.loop);
  EXPECT_FALSE(w.get(http, {.url = other.url()}));
}

TEST(Http, NobodyListens) {
  Waiting w;
  std::string url;
  {
    const HttpServer server(hello);
    url = server.url();
  }
  Http http(w.loop);
  const auto reply = w.get(http, {.url = url});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::io);
}

TEST(Http, OtherUrlsAreRefused) {
  Waiting w;
  HttpServer server(hello);
  Http http(w.loop);
  const std::string with_user = "http://user:secret@127.0.0.1:" + std::to_string(server.port()) + "/";
  for (const std::string& url : {std::string("file:///etc/passwd"), std::string("ftp://127.0.0.1/"), std::string("http://"),
                                 std::string("ldap://a/b"), with_user}) {
    const auto reply = w.get(http, {.url = url});
    ASSERT_FALSE(reply) << url;
    EXPECT_EQ(reply.error().code, Code::invalid) << reply.error().text();
  }
  EXPECT_EQ(server.requests(), 0);
}

TEST(Http, ARedirectIsFollowedOnlyWhereItWasAsked) {
  Waiting w;
  HttpServer server([](const std::string& request) {
    if (request.starts_with("GET /there ")) return hello(request);
    if (request.starts_with("GET /file ")) return HttpServer::Answer{HttpServer::reply("", "302 Found", "Location: file:///etc/passwd\r\n")};
    return HttpServer::Answer{HttpServer::reply("moved", "302 Found", "Location: /there\r\n")};
  });
  Http http(w.loop);
  EXPECT_EQ(w.get(http, {.url = server.url("/here")})->status, 302);
  EXPECT_EQ(text_of(w.get(http, {.url = server.url("/here"), .redirects = 1})->body), "hello");
  EXPECT_FALSE(w.get(http, {.url = server.url("/file"), .redirects = 1}));
}

TEST(Http, TheEnvironmentNamesNoProxy) {
  Waiting w;
  HttpServer proxy([](const std::string&) { return HttpServer::Answer{HttpServer::reply("from the proxy")}; });
  HttpServer server(hello);
  setenv("http_proxy", proxy.url().c_str(), 1);
  Http http(w.loop);
  EXPECT_EQ(text_of(w.get(http, {.url = server.url()})->body), "hello");
  unsetenv("http_proxy");
}

TEST(Http, GoesByAUnixSocket) {
  Waiting w;
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/socket";
  HttpServer server(hello);
  server.listen_at(path);
  Http http(w.loop);
  const auto reply = w.get(http, {.url = "http://policy.invalid/v1", .unix_socket = path});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(text_of(reply->body), "hello");
}

TEST(Http, GoesByASocketThatItIsGivenAndKeepsIt) {
  Waiting w;
  HttpServer server(hello);
  Http http(w.loop);
  int asked = 0;
  const auto give = [&] {
    ++asked;
    return server.connected();
  };
  for (int i = 0; i < 2; ++i) {
    const auto reply = w.get(http, {.url = "http://policy.invalid:8181/v1", .socket = give});
    ASSERT_TRUE(reply) << reply.error().text();
    EXPECT_EQ(text_of(reply->body), "hello");
  }
  EXPECT_EQ(asked, 1);
  const auto none = w.get(http, {.url = "http://other.invalid/", .socket = [] { return UniqueFd(); }});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::closed) << none.error().text();
}

TEST(Http, RequestsGoSideBySideAndACancelledOneStaysSilent) {
  Waiting w;
  HttpServer server([](const std::string& request) {
    if (request.starts_with("GET /slow ")) return HttpServer::Answer{"", false, true};
    return hello(request);
  });
  Http http(w.loop);
  bool called = false;
  const auto cancel = http.send({.url = server.url("/slow")}, [&](auto) { called = true; });
  int replies = 0;
  for (int i = 0; i < 20; ++i) {
    (void)http.send({.url = server.url()}, [&](const auto& reply) { replies += reply.has_value() ? 1 : 0; });
  }
  w.until([&] { return replies == 20; });
  cancel();
  cancel();
  EXPECT_TRUE(w.get(http, {.url = server.url()}));
  EXPECT_FALSE(called);
}

TEST(Http, MayBeDestroyedByAReplyAndWhileRequestsAreUnderWay) {
  Waiting w;
  HttpServer server([](const std::string& request) {
    if (request.starts_with("GET /slow ")) return HttpServer::Answer{"", false, true};
    return hello(request);
  });
  auto http = std::make_unique<Http>(w.loop);
  bool called = false;
  const auto cancel = http->send({.url = server.url("/slow")}, [&](auto) { called = true; });
  (void)http->send({.url = server.url()}, [&](auto) { http.reset(); });
  w.until([&] { return http == nullptr; });
  cancel();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace tlspool::judge::http_tests
