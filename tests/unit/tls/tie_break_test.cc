// SPDX-License-Identifier: Apache-2.0
#include "tls/tie_break.h"

#include <gtest/gtest.h>

#include <set>

#include "../vectors.h"

using namespace tlspool;
using namespace tlspool::tls;

namespace {

TieBreaker value_of(const wire::Value& entry, const char* name) {
  TieBreaker value{};
  EXPECT_TRUE(read_tie_breaker(bytes_of(entry, name), value)) << entry.text(name);
  return value;
}

std::string word(Tie tie) {
  switch (tie) {
    case Tie::client: return "client";
    case Tie::server: return "server";
    case Tie::two_clients: return "two_clients";
    case Tie::two_servers: return "two_servers";
    case Tie::same: return "same";
  }
  return {};
}

TEST(TieBreak, ComesToWhatTheVectorsSay) {
  for (const wire::Value& entry : cases_of("tie_break/outcomes.json")) {
    EXPECT_EQ(word(break_tie(value_of(entry, "own"), value_of(entry, "peer"))), entry.text("outcome")) << entry.text("own") << entry.text("peer");
  }
}

TEST(TieBreak, MakesOneClientAndOneServerOfDifferentValues) {
  for (int i = 0; i < 1000; ++i) {
    const auto a = random_tie_breaker();
    const auto b = random_tie_breaker();
    ASSERT_TRUE(a && b);
    EXPECT_EQ((std::set<Tie>{break_tie(*a, *b), break_tie(*b, *a)}), (std::set<Tie>{Tie::client, Tie::server}));
  }
}

TEST(TieBreak, WhoeverCanBeOneOnlyIsThatBesideARandomValue) {
  const auto random = random_tie_breaker();
  ASSERT_TRUE(random);
  EXPECT_EQ(break_tie(client_only, *random), Tie::client);
  EXPECT_EQ(break_tie(*random, client_only), Tie::server);
  EXPECT_EQ(break_tie(server_only, *random), Tie::server);
  EXPECT_EQ(break_tie(*random, server_only), Tie::client);
  EXPECT_EQ(break_tie(client_only, server_only), Tie::client);
  EXPECT_EQ(break_tie(server_only, client_only), Tie::server);
}

TEST(TieBreak, RandomValuesAreNeverTheSameAndNeverAtTheEnds) {
  std::set<TieBreaker> seen{client_only, server_only};
  for (int i = 0; i < 1000; ++i) {
    const auto value = random_tie_breaker();
    ASSERT_TRUE(value);
    EXPECT_TRUE(seen.insert(*value).second);
  }
}

TEST(TieBreak, ReadsExactly32Bytes) {
  TieBreaker value{};
  for (const std::size_t size : {0U, 1U, 31U, 33U, 64U}) EXPECT_FALSE(read_tie_breaker(Bytes(size, 0xff), value)) << size;
  EXPECT_EQ(value, client_only);
  EXPECT_TRUE(read_tie_breaker(Bytes(32, 0xff), value));
  EXPECT_EQ(value, server_only);
}

}  // namespace
