// SPDX-License-Identifier: Apache-2.0
#include "qkd/filler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace {

using namespace tlspool;
using namespace tlspool::qkd;
using Ids = std::vector<std::string>;

std::string uuid(unsigned number) { return fmt::format("550e8400-e29b-41d4-a716-{:012x}", number); }

/// An entity and a keeper, as far as a Filler sees them.
struct World {
  unsigned next = 1;
  std::map<std::string, bool> at_entity;
  std::map<std::string, Bytes> token;
  std::map<std::string, std::string> refuses;  // id in the token -> reason
  std::size_t room = 1'000'000;
  bool keeper_gone = false;
  bool output_gone = false;
  std::optional<FetchFailure> failure;
  int until_failure = 0;
  std::vector<std::size_t> batches;
  Ids printed;

  Delivery delivered(const Ids& ids) {
    batches.push_back(ids.size());
    if (failure && until_failure-- == 0) return tl::unexpected<FetchFailure>(*failure);
    etsi014::KeyContainer out;
    for (const std::string& id : ids) {
      out.keys.push_back({id, Secret(32)});
      at_entity.erase(id);
    }
    return out;
  }
  Result<wire::Deposited> deposit(const std::vector<wire::NumberedKey>& keys) {
    if (keeper_gone) return fail({Code::closed, "shared keys", "keeper", "the other process ended", {}});
    wire::Deposited out;
    for (const wire::NumberedKey& key : keys) {
      if (const auto r = refuses.find(key.id); r != refuses.end()) {
        out.refused.push_back({key.id, r->second});
      } else if (token.size() >= room) {
        out.refused.push_back({key.id, "the token is full"});
      } else {
        token[key.id] = key.key;
        out.stored.push_back(key.id);
      }
    }
    return out;
  }
  Filler filler(wire::IdForm form = wire::IdForm::number, std::uint32_t batch = 10) {
    FillerCalls calls;
    calls.enc_keys = [this](std::uint32_t number) {
      Ids ids;
      for (std::uint32_t i = 0; i < number; ++i) ids.push_back(uuid(next++));
      return delivered(ids);
    };
    calls.dec_keys = [this](const Ids& ids) -> Delivery {
      if (!std::all_of(ids.begin(), ids.end(), [this](const auto& id) { return at_entity.contains(id); })) {
        batches.push_back(ids.size());
        return tl::unexpected<FetchFailure>(FetchFailure{{Code::not_found, "dec_keys", "", "one or more keys specified are not found on KME", {}}});
      }
      return delivered(ids);
    };
    calls.deposit = [this](std::vector<wire::NumberedKey> keys) { return deposit(keys); };
    calls.stored = [this](const Ids& ids) -> Status {
      if (output_gone) return fail({Code::io, "write", "standard output", "Broken pipe", {}});
      printed.insert(printed.end(), ids.begin(), ids.end());
      return {};
    };
    return {std::move(calls), form, batch};
  }
};

FetchFailure lost_answer() { return {{Code::timeout, "enc_keys", "", "no answer", {}}, true}; }

TEST(Filler, BatchesAreStoredOneByOne) {
  World world;
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(world.batches, (std::vector<std::size_t>{10, 10, 5}));
  EXPECT_EQ(world.token.size(), 25U);
  EXPECT_EQ(filler.tally().stored, 25U);
  EXPECT_FALSE(filler.tally().stopped);
  EXPECT_EQ(world.printed.size(), 25U);
  EXPECT_EQ(world.printed.front(), uuid(1));
}

TEST(Filler, TheTokenGetsTheNumberThatTheUuidStandsFor) {
  World world;
  world.filler().fetch(1);
  EXPECT_TRUE(world.token.contains("1"));
}

TEST(Filler, ALostAnswerEndsItAndIsCounted) {
  World world;
  world.failure = lost_answer();
  world.until_failure = 1;
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(filler.tally().stored, 10U);
  EXPECT_EQ(filler.tally().maybe_lost, 10U);
  ASSERT_TRUE(filler.tally().stopped);
  EXPECT_EQ(world.batches.size(), 2U);
}

TEST(Filler, ARefusalOfTheEntityLosesNothing) {
  World world;
  world.failure = FetchFailure{{Code::busy, "enc_keys", "", "no keys", {}}, false};
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(filler.tally().maybe_lost, 0U);
  EXPECT_TRUE(filler.tally().stopped);
}

TEST(Filler, KeysThatTheKeeperDidNotTakeAreNamed) {
  World world;
  world.keeper_gone = true;
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(filler.tally().refused.size(), 10U);
  EXPECT_EQ(filler.tally().stored, 0U);
  EXPECT_TRUE(filler.tally().stopped);
  EXPECT_TRUE(world.printed.empty());
}

TEST(Filler, IdsThatCouldNotBeWrittenAreKeptAndEndIt) {
  World world;
  world.output_gone = true;
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(filler.tally().stored, 10U);
  EXPECT_EQ(filler.tally().untold.size(), 10U);
  EXPECT_TRUE(filler.tally().stopped);
  EXPECT_EQ(world.batches.size(), 1U);
}

TEST(Filler, AFullTokenCostsNoWholeBatchMore) {
  World world;
  world.room = 15;
  Filler filler = world.filler();
  filler.fetch(100);
  EXPECT_EQ(world.batches, (std::vector<std::size_t>{10, 10, 1}));
  EXPECT_EQ(filler.tally().stored, 15U);
  EXPECT_EQ(filler.tally().refused.size(), 6U);
  ASSERT_TRUE(filler.tally().stopped);
  EXPECT_EQ(filler.tally().stopped->reason, "the token is full");
}

TEST(Filler, ASingleRefusalDoesNotEndIt) {
  World world;
  world.refuses["3"] = "used before";
  Filler filler = world.filler();
  filler.fetch(25);
  EXPECT_EQ(world.batches, (std::vector<std::size_t>{10, 1, 10, 4}));
  EXPECT_EQ(filler.tally().stored, 24U);
  ASSERT_EQ(filler.tally().refused.size(), 1U);
  EXPECT_EQ(filler.tally().refused[0], std::make_pair(uuid(3), std::string("used before")));
  EXPECT_EQ(std::count(world.printed.begin(), world.printed.end(), uuid(3)), 0);
}

TEST(Filler, TwoUuidsOfOneBriefNumberAreNotMixedUp) {
  World world;
  Ids ids{uuid(5), uuid(0x10005), uuid(6)};
  for (const auto& id : ids) world.at_entity[id] = true;
  Filler filler = world.filler(wire::IdForm::brief);
  filler.fetch(ids);
  EXPECT_EQ(filler.tally().stored, 2U);
  ASSERT_EQ(filler.tally().refused.size(), 1U);
  EXPECT_EQ(filler.tally().refused[0].first, uuid(0x10005));
}

TEST(Filler, MissingKeysAreFoundAmongOthers) {
  World world;
  Ids wanted;
  for (unsigned i = 1; i <= 25; ++i) {
    wanted.push_back(uuid(i));
    if (i != 4 && i != 20) world.at_entity[uuid(i)] = true;
  }
  Filler filler = world.filler();
  filler.fetch(wanted);
  EXPECT_EQ(filler.tally().stored, 23U);
  ASSERT_EQ(filler.tally().missing.size(), 2U);
  EXPECT_EQ(filler.tally().missing[0].first, uuid(4));
  EXPECT_EQ(filler.tally().missing[1].first, uuid(20));
  EXPECT_FALSE(filler.tally().stopped);
}

TEST(Filler, ALostAnswerWithNamedKeysNamesThem) {
  World world;
  Ids wanted;
  for (unsigned i = 1; i <= 15; ++i) {
    wanted.push_back(uuid(i));
    world.at_entity[uuid(i)] = true;
  }
  world.failure = lost_answer();
  Filler filler = world.filler();
  filler.fetch(wanted);
  EXPECT_EQ(filler.tally().lost.size(), 10U);
  EXPECT_EQ(filler.tally().maybe_lost, 0U);
  EXPECT_EQ(world.batches.size(), 1U) << "nothing was asked for twice, and nothing further";
}

TEST(Filler, DamagedKeysOfAnAnswerAreTold) {
  FillerCalls calls;
  calls.enc_keys = [](std::uint32_t) {
    etsi014::KeyContainer out;
    out.keys.push_back({uuid(1), Secret(32)});
    out.problems.push_back("key_ID " + uuid(2) + ": 8 bits");
    return Delivery(std::move(out));
  };
  calls.deposit = [](std::vector<wire::NumberedKey> keys) { return Result<wire::Deposited>(wire::Deposited{{keys.at(0).id}, {}}); };
  calls.stored = [](const Ids&) { return Status{}; };
  Filler filler(std::move(calls), wire::IdForm::uuid, 2);
  filler.fetch(2);
  EXPECT_EQ(filler.tally().stored, 1U);
  ASSERT_EQ(filler.tally().lost.size(), 1U);
  EXPECT_NE(filler.tally().lost[0].second.find(uuid(2)), std::string::npos);
}

}  // namespace
