// SPDX-License-Identifier: Apache-2.0
#include "qkd/counts.h"

#include <gtest/gtest.h>

#include "wire/ipc.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

wire::KeyCount row(std::uint32_t as_client, std::uint32_t as_server) {
  wire::KeyCount r;
  r.peer = "b.example";
  r.store = "hsm.b.example";
  r.as_client = as_client;
  r.as_server = as_server;
  r.low_water = 16;
  return r;
}

TEST(Counts, BelowTheMarkIsLowAndTheMarkItselfIsNot) {
  EXPECT_FALSE(low(row(16, 16)));
  EXPECT_TRUE(low(row(15, 16)));
  EXPECT_TRUE(low(row(16, 15)));
  EXPECT_EQ(state_text(row(16, 16)), "ok");
  EXPECT_EQ(state_text(row(15, 100)), "LOW: 15 left as client");
  EXPECT_EQ(state_text(row(15, 0)), "LOW: 15 left as client, 0 left as server");
}

TEST(Counts, ARoleThatThePeerDoesNotHaveNeedsNoKeys) {
  auto r = row(100, 0);
  r.roles = wire::role_client;
  EXPECT_FALSE(low(r));
  r.roles = wire::role_server;
  EXPECT_TRUE(low(r));
}

TEST(Counts, KeysThatAreNotCountedAreNeverLow) {
  auto kme = row(0, 0);
  kme.source = wire::KeySource::kme;
  auto psk = row(0, 0);
  psk.source = wire::KeySource::psk;
  auto session = row(0, 0);
  session.use = wire::KeyUse::session;
  for (const auto& r : {kme, psk, session}) EXPECT_FALSE(low(r));
}

TEST(Counts, AProblemIsToldBesideTheAlarm) {
  auto r = row(3, 20);
  r.problem = "token=a: waits for its PIN\x1b";
  EXPECT_EQ(state_text(r), "LOW: 3 left as client; token=a: waits for its PIN\\x1b");
}

TEST(Counts, TheTableHasALineForEachPeer) {
  auto psk = row(0, 0);
  psk.source = wire::KeySource::psk;
  psk.peer = "c.example";
  const std::string text = counts_table({row(20, 30), psk});
  EXPECT_NE(text.find("b.example  token   hsm.b.example  20         30         0                 0       16         ok\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("c.example  psk     hsm.b.example  -          -          0                 0       -          ok\n"), std::string::npos)
      << text;
}

TEST(Counts, JsonHasTheNumbersAndTheAlarm) {
  EXPECT_EQ(wire::to_json(counts_json({row(15, 30)})),
            R"([{"peer":"b.example","source":"token","use":"psk","store":"hsm.b.example","asClient":15,"asServer":30,)"
            R"("usedSinceStart":0,"leased":0,"lowWater":16,"low":true,"problem":null}])");
}

}  // namespace
