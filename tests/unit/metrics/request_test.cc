// SPDX-License-Identifier: Apache-2.0
#include "metrics/request.h"

#include <gtest/gtest.h>

namespace tlspool::metrics {
namespace {

TEST(MetricsRequest, TheUsualOnesAreAnswered) {
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nAccept: text/plain\r\n\r\n"), Answer::page);
  EXPECT_EQ(answer_to("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), Answer::page);
  EXPECT_EQ(answer_to("HEAD /metrics HTTP/1.1\r\n\r\n"), Answer::page_head);
  EXPECT_EQ(answer_to("GET / HTTP/1.1\r\n\r\n"), Answer::index);
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\n\r\nwhat comes behind"), Answer::page);
}

TEST(MetricsRequest, AnIncompleteOneIsWaitedFor) {
  const std::string whole = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(answer_to(whole.substr(0, i)), Answer::wait) << i;
}

TEST(MetricsRequest, OthersAreRefused) {
  EXPECT_EQ(answer_to("GET /other HTTP/1.1\r\n\r\n"), Answer::not_found);
  EXPECT_EQ(answer_to("GET /metrics/ HTTP/1.1\r\n\r\n"), Answer::not_found);
  EXPECT_EQ(answer_to("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), Answer::no_method);
  EXPECT_EQ(answer_to("GET /metrics HTTP/2.0\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET /metrics\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET  /metrics HTTP/1.1\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET http://localhost/metrics HTTP/1.1\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nno colon\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nHost: a\nb\r\n\r\n"), Answer::bad);
  EXPECT_EQ(answer_to(std::string_view("GET /metrics HTTP/1.1\r\nA: \0\r\n\r\n", 32)), Answer::bad);
}

TEST(MetricsRequest, ALongOneIsRefusedHoweverItComes) {
  EXPECT_EQ(answer_to(std::string(longest_request - 1, 'x')), Answer::wait);
  EXPECT_EQ(answer_to(std::string(longest_request, 'x')), Answer::too_long);
  EXPECT_EQ(answer_to("GET /metrics HTTP/1.1\r\nA: " + std::string(longest_request, 'x') + "\r\n\r\n"), Answer::too_long);
}

TEST(MetricsResponse, SaysHowLongItIs) {
  EXPECT_EQ(response(Answer::page, "a 1\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 4\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\na 1\n");
  const std::string head = response(Answer::page_head, "a 1\n");
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_TRUE(response(Answer::no_method, "").find("Allow: GET, HEAD\r\n") != std::string::npos);
  EXPECT_TRUE(response(Answer::too_long, "").starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(response(Answer::bad, "").ends_with("Content-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"));
}

}  // namespace
}  // namespace tlspool::metrics
