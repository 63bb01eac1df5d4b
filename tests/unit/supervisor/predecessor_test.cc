// SPDX-License-Identifier: Apache-2.0
#include "supervisor/predecessor.h"

#include <gtest/gtest.h>

#include "base/socket.h"
#include "counters/page.h"
#include "supervisor/inherited.h"

namespace tlspool::supervisor {
namespace {

TEST(Visits, ComeBackFromTheirText) {
  const wire::Visit call{wire::Visit::Asks::list, 7, copy_of(view("{\"method\": \"a b\"}"))};
  const auto back = parse_visit(visit_text(call));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->asks, call.asks);
  EXPECT_EQ(back->worker, 7U);
  EXPECT_EQ(back->input, call.input);
  for (const char* wrong : {"", "session", "session 1", "session x y", "session 99999999999 y", "list 1x y"}) EXPECT_FALSE(parse_visit(wrong)) << wrong;
}

struct RelayEnd {
  RelayEnd(Loop& loop, UniqueFd socket)
      : relay(loop, std::move(socket),
              [this](const std::string& word, const std::string& rest, const std::vector<UniqueFd>& descriptors) {
                came.push_back(word + "/" + rest + "/" + std::to_string(descriptors.size()));
              },
              [this] { closed = true; }) {}
  std::vector<std::string> came;
  bool closed = false;
  Relay relay;
};

class RelayTest : public testing::Test {
 protected:
  RelayTest() {
    auto pair = socket_pair(SOCK_SEQPACKET, true);
    a.emplace(loop, std::move(pair->first));
    b.emplace(loop, std::move(pair->second));
  }
  template <class Condition>
  void turn_until(Condition condition) {
    for (int i = 0; i < 20'000 && !condition(); ++i) loop.turn(std::chrono::milliseconds{1});
    ASSERT_TRUE(condition());
  }
  Loop loop;
  std::optional<RelayEnd> a;
  std::optional<RelayEnd> b;
};

TEST_F(RelayTest, WhatIsNotReadAtOnceWaitsAndKeepsItsOrder) {
  const std::string much(Relay::longest - 10, 'x');
  int sent = 0;
  while (sent < 100 && a->relay.send("w", much + std::to_string(sent), UniqueFd{dup(0)})) ++sent;
  ASSERT_EQ(sent, 100);
  turn_until([&] { return b->came.size() == 100; });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(b->came[static_cast<std::size_t>(i)], "w/" + much + std::to_string(i) + "/1");
}

TEST_F(RelayTest, WhoReadsNothingIsNotWaitedForForEver) {
  const std::string much(Relay::longest - 10, 'x');
  std::size_t sent = 0;
  while (a->relay.has_room()) ++sent, (void)a->relay.send("w", much);
  EXPECT_LT(sent, Relay::most_waiting);
  while (a->relay.send("w", much)) ++sent;
  EXPECT_LT(sent, 2 * Relay::most_waiting);
}

// The kernel reports that the other end has gone without reading, before it gives out what came from there.
TEST_F(RelayTest, TheLastWordsOfOneThatDoesNotListenArrive) {
  EXPECT_TRUE(b->relay.send("unheard"));
  EXPECT_TRUE(a->relay.send("first"));
  EXPECT_TRUE(a->relay.send("last", "words"));
  a.reset();
  turn_until([&] { return b->closed; });
  EXPECT_EQ(b->came, (std::vector<std::string>{"first//0", "last/words/0"}));
  EXPECT_FALSE(b->relay.send("anybody there"));
}

TEST(Inherited, AddsWhatTheOldPoolCountsAndKeepsTotals) {
  using counters::Family;
  const auto at = [](std::size_t slot) { return counters::slots[slot].load(); };
  const std::size_t sessions = counters::slot<Family::sessions>(counters::Role::client);
  const std::size_t handshakes = counters::first_slots[static_cast<std::size_t>(Family::control_connections)];
  const std::size_t bytes = counters::slot<Family::bytes>(counters::Direction::in);
  const std::size_t applied = counters::first_slots[static_cast<std::size_t>(Family::last_reload)];
  const auto reply = [](std::int64_t open, std::int64_t moved) {
    const auto metric = [](const char* name, wire::Value labels, std::int64_t value) {
      return wire::Value::object().set("name", name).set("labels", std::move(labels)).set("value", value);
    };
    wire::Value all = wire::Value::array();
    all.push(metric("tlspool_sessions", wire::Value::object().set("role", "client"), open));
    all.push(metric("tlspool_control_connections", wire::Value::object(), 3));
    all.push(metric("tlspool_session_bytes_total", wire::Value::object().set("direction", "in"), moved));
    all.push(metric("tlspool_config_applied_timestamp_seconds", wire::Value::object(), 1'700'000'000));
    all.push(metric("tlspool_of_another_version", wire::Value::object(), 5));
    return wire::Value::object().set("metrics", std::move(all));
  };
  const auto before = std::array{at(sessions), at(handshakes), at(bytes), at(applied)};
  Inherited inherited;
  inherited.take(reply(4, 1000), {});
  inherited.take(reply(2, 5000), {});
  EXPECT_EQ(at(sessions), before[0] + 2);
  EXPECT_EQ(at(handshakes), before[1] + 3);
  EXPECT_EQ(at(bytes), before[2] + 5000);
  EXPECT_EQ(at(applied), before[3]) << "not a number of which there could be a sum";
  inherited.end();
  EXPECT_EQ(at(sessions), before[0]);
  EXPECT_EQ(at(handshakes), before[1]);
  EXPECT_EQ(at(bytes), before[2] + 5000);
}

}  // namespace
}  // namespace tlspool::supervisor
