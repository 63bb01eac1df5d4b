// SPDX-License-Identifier: Apache-2.0
#include "cli/top.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tlspool::cli {
namespace {

TopNumber number(std::map<std::string, std::string, std::less<>> labels, std::int64_t value) { return {std::move(labels), value, {}, {}}; }

TopSession session(std::string id, std::string remote, std::uint64_t sent, std::int64_t started = 0) {
  TopSession out;
  out.id = std::move(id);
  out.remote_identity = std::move(remote);
  out.sent = sent;
  out.started = started;
  return out;
}

TopLook first_look() {
  TopLook out;
  out.at_ms = 10'000;
  out.numbers.emplace("tlspool_handshakes_total", number({{"role", "client"}, {"outcome", "completed"}}, 100));
  out.numbers.emplace("tlspool_handshakes_total", number({{"role", "server"}, {"outcome", "completed"}}, 50));
  out.sessions = {session("a", "quiet.example", 1000, 1), session("b", "loud.example", 10, 2)};
  out.open = 2;
  return out;
}

TopLook second_look() {
  TopLook out = first_look();
  out.at_ms = 12'000;
  out.numbers.find("tlspool_handshakes_total")->second.value = 120;
  out.numbers.emplace("tlspool_handshakes_total", number({{"role", "client"}, {"outcome", "certificate"}}, 4));
  out.sessions[1].sent = 810;
  return out;
}

TEST(Top, RatesAreDifferencesOverTheTimeBetween) {
  const TopLook before = first_look();
  const TopView view = compare(&before, second_look(), TopSort::rate);
  EXPECT_DOUBLE_EQ(view.seconds, 2);
  EXPECT_DOUBLE_EQ(view.handshakes, 12);
  ASSERT_EQ(view.outcomes.size(), 2U);
  EXPECT_EQ(view.outcomes[0].name, "completed");
  EXPECT_EQ(view.outcomes[0].total, 170);
  EXPECT_DOUBLE_EQ(view.outcomes[0].rate, 10);
  EXPECT_DOUBLE_EQ(view.outcomes[1].rate, 2);
  EXPECT_EQ(view.now.sessions[0].remote_identity, "loud.example");
  EXPECT_DOUBLE_EQ(view.now.sessions[0].sent_rate, 400);
}

TEST(Top, OneLookHasNoRates) {
  const TopView view = compare(nullptr, second_look(), TopSort::rate);
  EXPECT_EQ(view.seconds, 0);
  EXPECT_EQ(view.handshakes, 0);
  EXPECT_EQ(view.now.sessions[0].sent_rate, 0);
}

TEST(Top, ADaemonThatWasStartedAgainHasNoNegativeRates) {
  const TopLook before = second_look();
  TopLook now = first_look();
  now.at_ms = 13'000;
  EXPECT_EQ(compare(&before, now, TopSort::rate).handshakes, 0);
  now.at_ms = 1;  // its clock began anew
  EXPECT_EQ(compare(&before, now, TopSort::rate).seconds, 0);
}

TEST(Top, SessionsAreSortedAsAsked) {
  const TopLook before = first_look();
  const auto order = [&](TopSort sort) {
    std::string out;
    for (const TopSession& s : compare(&before, second_look(), sort).now.sessions) out += s.id;
    return out;
  };
  EXPECT_EQ(order(TopSort::rate), "ba");
  EXPECT_EQ(order(TopSort::total), "ab");
  EXPECT_EQ(order(TopSort::age), "ab");
  EXPECT_EQ(order(TopSort::peer), "ba");
}

TEST(Top, QuantilesAreOfWhatHappenedSinceTheLastLook) {
  TopLook before = first_look();
  TopLook now = second_look();
  const std::vector<std::int64_t> bounds{100, 1000};
  before.numbers.emplace("tlspool_judge_wait_seconds", TopNumber{{}, 0, {1000, 0, 0}, bounds});
  now.numbers.emplace("tlspool_judge_wait_seconds", TopNumber{{}, 0, {1000, 99, 1}, bounds});
  TopView view = compare(&before, now, TopSort::rate);
  EXPECT_EQ(view.judge.count, 100);
  EXPECT_EQ(view.judge.p50_us, 1000);
  EXPECT_EQ(view.judge.p99_us, 1000);
  view = compare(nullptr, now, TopSort::rate);
  EXPECT_EQ(view.judge.count, 1100);
  EXPECT_EQ(view.judge.p50_us, 100);
  now.numbers.find("tlspool_judge_wait_seconds")->second.buckets = {1000, 0, 50};
  EXPECT_EQ(compare(&before, now, TopSort::rate).judge.p50_us, -1);
}

TEST(Top, NoNameReachesTheTerminalAsItCame) {
  TopLook look = second_look();
  look.sessions[0].remote_identity = "evil\x1b]0;owned\x07\n\r\x9b" + std::string(500, 'x');
  // These are of a worker, too, which somebody may have taken over.
  look.sessions[0].id = look.sessions[0].role = look.sessions[0].version = "\x1b[3J";
  look.sessions[0].service = "\x1b[2J";
  look.sessions[0].program = "\x1b[31m";
  look.processes.push_back({"\x1b[1m", 1, 2});
  look.numbers.emplace("tlspool_token_ready", number({{"token", "\x1b[5m"}}, 1));
  const TopView view = compare(nullptr, look, TopSort::rate);
  for (const std::string& line : top_lines(view, 200, 40, TopSort::rate)) {
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c < 127; })) << line;
    EXPECT_LE(line.size(), 200U);
  }
}

TEST(Top, FitsIntoTheSmallestTerminal) {
  const TopView view = compare(nullptr, second_look(), TopSort::rate);
  for (const std::size_t rows : {1U, 3U, 10U}) EXPECT_LE(top_lines(view, 20, rows, TopSort::rate).size(), rows);
  TopLook own = second_look();
  own.sees = TopLook::Sees::own;
  EXPECT_NE(top_lines(compare(nullptr, own, TopSort::rate), 200, 40, TopSort::rate)[0].find("your own sessions"), std::string::npos);
}

}  // namespace
}  // namespace tlspool::cli
