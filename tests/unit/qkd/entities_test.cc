// SPDX-License-Identifier: Apache-2.0
#include "qkd/entities.h"

#include <gtest/gtest.h>

#include "memory_store.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

struct Given {
  std::vector<std::string> ids;
  std::vector<std::string> keys;  // base64
};

Given given(const Said& said) {
  EXPECT_EQ(said.status, 200) << said.body << said.note;
  Given out;
  const auto value = wire::parse_json(said.body);
  if (!value) return out;
  const wire::Value* list = value->find("keys");
  for (const wire::Value& key : *list->elements()) {
    out.ids.push_back(key.text("key_ID"));
    out.keys.push_back(key.text("key"));
  }
  return out;
}

std::string message(const Said& said) {
  const auto error = etsi014::parse_error(said.body);
  return error ? error->message : "no Error: " + said.body;
}

TEST(Entities, SlaveGetsTheMastersKeyOnceAndNeitherStoreHasItAfterwards) {
  Pair pair;
  const Given mine = given(pair.get("sae-a", "sae-b/enc_keys"));
  ASSERT_EQ(mine.ids.size(), 1u);
  EXPECT_FALSE(pair.a.keys.contains(mine.ids[0]));
  EXPECT_TRUE(pair.b.keys.contains(mine.ids[0]));
  const Given theirs = given(pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0]));
  EXPECT_EQ(mine.keys, theirs.keys);
  EXPECT_FALSE(pair.b.keys.contains(mine.ids[0]));
  const Said again = pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0]);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(message(again), etsi014::unknown_keys);
}

TEST(Entities, MasterMaySitAtEitherEntity) {
  Pair pair;
  const Given mine = given(pair.post("sae-b", "sae-a/enc_keys", R"({"number":3})"));
  ASSERT_EQ(mine.ids.size(), 3u);
  const Given theirs = given(pair.post("sae-a", "sae-b/dec_keys", etsi014::key_ids_text(mine.ids)));
  EXPECT_EQ(mine.keys, theirs.keys);
}

TEST(Entities, SlaveAtTheMastersEntityGetsTheKeyAndTheFarCopyIsDeleted) {
  Pair pair;
  const Given mine = given(pair.get("sae-a", "sae-c/enc_keys"));
  ASSERT_EQ(mine.ids.size(), 1u);
  EXPECT_FALSE(pair.b.keys.contains(mine.ids[0]));
  EXPECT_EQ(given(pair.get("sae-c", "sae-a/dec_keys?key_ID=" + mine.ids[0])).keys, mine.keys);
  EXPECT_EQ(pair.get("sae-c", "sae-a/dec_keys?key_ID=" + mine.ids[0]).status, 400);
}

TEST(Entities, EverySlaveOfAMulticastGetsTheKeyOnce) {
  Pair pair;
  const Given mine = given(pair.post("sae-a", "sae-b/enc_keys", R"({"additional_slave_SAE_IDs":["sae-c","sae-d"]})"));
  ASSERT_EQ(mine.ids.size(), 1u);
  for (const char* slave : {"sae-d", "sae-c", "sae-b"}) {
    EXPECT_EQ(given(pair.get(slave, "sae-a/dec_keys?key_ID=" + mine.ids[0])).keys, mine.keys) << slave;
    EXPECT_EQ(pair.get(slave, "sae-a/dec_keys?key_ID=" + mine.ids[0]).status, 400) << slave;
  }
  EXPECT_EQ(pair.b.takes[mine.ids[0]], ".") << "the store is asked once, though two had it from there";
}

TEST(Entities, OthersGet401WithoutABodyAndTakeNothing) {
  Pair pair;
  const Given mine = given(pair.get("sae-a", "sae-b/enc_keys"));
  for (const Said& said : {pair.get("sae-d", "sae-a/dec_keys?key_ID=" + mine.ids[0]),    // not its slave
                           pair.get("sae-a", "sae-a/dec_keys?key_ID=" + mine.ids[0]),    // the master itself
                           pair.get("sae-b", "sae-c/dec_keys?key_ID=" + mine.ids[0])}) {  // another master
    EXPECT_EQ(said.status, 401);
    EXPECT_EQ(said.body, "");
  }
  EXPECT_EQ(given(pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0])).keys, mine.keys);
}

TEST(Entities, UnknownSaesGet401WithoutABody) {
  Pair pair;
  const auto ask = [&](std::vector<std::string> names, Site site, const char* path) {
    const Said said = pair.entities.answer(site, {"GET", std::string("/api/v1/keys/") + path, {}, std::move(names)});
    EXPECT_EQ(said.body, "");
    return said.status;
  };
  EXPECT_EQ(ask({"nobody"}, Site::first, "sae-b/enc_keys"), 401);
  EXPECT_EQ(ask({}, Site::first, "sae-b/status"), 401);
  EXPECT_EQ(ask({"sae-a"}, Site::second, "sae-b/enc_keys"), 401) << "it is known at the other entity only";
  EXPECT_EQ(ask({"sae-a"}, Site::first, "nobody/enc_keys"), 401);
  EXPECT_EQ(ask({"nobody"}, Site::first, "nonsense"), 401) << "who it is comes first";
  EXPECT_EQ(pair.stock.count(), 20u);
}

TEST(Entities, StatusNamesBothEnds) {
  Pair pair;
  const Said said = pair.get("sae-b", "sae-c/status");
  const auto status = etsi014::parse_status(said.body);
  ASSERT_TRUE(status.has_value()) << said.body;
  EXPECT_EQ(status->source_kme, "kme-b");
  EXPECT_EQ(status->target_kme, "kme-a");
  EXPECT_EQ(status->master_sae, "sae-b");
  EXPECT_EQ(status->slave_sae, "sae-c");
  EXPECT_EQ(status->stored_key_count, 20);
  EXPECT_EQ(status->max_key_count, 100);
  EXPECT_EQ(status->max_key_per_request, 100);
  EXPECT_EQ(status->key_size, 256);
  EXPECT_EQ(pair.post("sae-b", "sae-c/status", "{}").status, 400);
}

TEST(Entities, RefusalsHaveTheStandardsMessages) {
  Pair pair;
  const auto refused = [&](const char* body) {
    const Said said = pair.post("sae-a", "sae-b/enc_keys", body);
    EXPECT_EQ(said.status, 400) << body;
    return message(said);
  };
  EXPECT_EQ(refused(R"({"size":100})"), etsi014::bad_size);
  EXPECT_EQ(refused(R"({"extension_mandatory":[{"abc_route_type":"direct"}]})"), etsi014::unknown_mandatory);
  EXPECT_EQ(refused(R"({"size":56})"), "size shall be from 64 to 1024 bits");
  EXPECT_EQ(refused(R"({"size":1032})"), "size shall be from 64 to 1024 bits");
  EXPECT_EQ(refused(R"({"number":101})"), "number shall be from 1 to 100");
  EXPECT_EQ(refused(R"({"number":0})"), "malformed key request");
  EXPECT_EQ(refused(R"({"number":)"), "malformed key request");
  EXPECT_EQ(refused(""), "malformed key request");
  EXPECT_EQ(refused(R"({"additional_slave_SAE_IDs":["nobody"]})"), "unknown SAE in additional_slave_SAE_IDs");
  EXPECT_EQ(refused(R"({"additional_slave_SAE_IDs":["sae-a"]})"), "the master SAE can't be its own slave");
  EXPECT_EQ(pair.get("sae-a", "sae-a/enc_keys").status, 400);
  EXPECT_EQ(pair.post("sae-b", "sae-a/dec_keys", R"({"key_IDs":[]})").status, 400);
  for (const char* path : {"sae-b/keys", "sae-b", "sae-b/enc_keys/x", "/enc_keys", "sae-b/enc_keys?number=0", "sae-b/enc_keys?number=-1",
                           "sae-b/enc_keys?number=1x", "sae-b/enc_keys?x=1", "%zz/enc_keys"}) {
    EXPECT_EQ(pair.get("sae-a", path).status, 400) << path;
  }
  EXPECT_EQ(pair.entities.answer(Site::first, {"DELETE", "/api/v1/keys/sae-b/enc_keys", {}, {"sae-a"}}).status, 400);
  EXPECT_EQ(pair.stock.count(), 20u) << "nothing was given out";
}

TEST(Entities, OptionalExtensionsAreIgnored) {
  Pair pair;
  EXPECT_EQ(given(pair.post("sae-a", "sae-b/enc_keys", R"({"extension_optional":[{"abc":"x"}]})")).ids.size(), 1u);
}

TEST(Entities, KeysOfEverySizeAreEqualAtBothEnds) {
  Pair pair(30, 128);
  for (const std::uint32_t bits : {64u, 72u, 128u, 136u, 1024u}) {
    const Given mine = given(pair.get("sae-a", "sae-b/enc_keys?number=2&size=" + std::to_string(bits)));
    ASSERT_EQ(mine.keys.size(), 2u) << bits;
    EXPECT_EQ(mine.keys[0].size(), (bits / 8 + 2) / 3 * 4);
    EXPECT_NE(mine.keys[0], mine.keys[1]);
    EXPECT_EQ(given(pair.post("sae-b", "sae-a/dec_keys", etsi014::key_ids_text(mine.ids))).keys, mine.keys) << bits;
  }
  EXPECT_EQ(pair.a.keys.size(), pair.b.keys.size());
}

TEST(Entities, TooFewKeysAre503AndNothingIsTaken) {
  Pair pair(3);
  const Said said = pair.get("sae-a", "sae-b/enc_keys?number=4");
  EXPECT_EQ(said.status, 503);
  EXPECT_EQ(message(said), etsi014::no_keys);
  EXPECT_EQ(given(pair.get("sae-a", "sae-b/enc_keys?number=3")).ids.size(), 3u);
  EXPECT_EQ(pair.get("sae-a", "sae-b/enc_keys").status, 503);
}

TEST(Entities, PoolThatCantBeReachedIs503AndTheKeyIsThereAfterwards) {
  Pair pair;
  pair.a.gone = true;
  const Said none = pair.get("sae-a", "sae-b/enc_keys");
  EXPECT_EQ(none.status, 503);
  EXPECT_EQ(none.body.find("admin.sock"), std::string::npos) << "a client need not know";
  EXPECT_NE(none.note.find("admin.sock"), std::string::npos) << "the log must";
  pair.a.gone = false;
  const Given mine = given(pair.get("sae-a", "sae-b/enc_keys"));
  pair.b.gone = true;
  EXPECT_EQ(pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0]).status, 503);
  pair.b.gone = false;
  EXPECT_EQ(given(pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0])).keys, mine.keys);
}

TEST(Entities, DeliveryIsAllOrNone) {
  Pair pair;
  const Given mine = given(pair.get("sae-a", "sae-b/enc_keys?number=2"));
  auto ids = mine.ids;
  ids.push_back("00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(message(pair.post("sae-b", "sae-a/dec_keys", etsi014::key_ids_text(ids))), etsi014::unknown_keys);
  EXPECT_EQ(given(pair.post("sae-b", "sae-a/dec_keys", etsi014::key_ids_text(mine.ids))).keys, mine.keys);
}

TEST(Entities, KeyThatSomebodyElseTookFromTheStoreIsNotFound) {
  Pair pair;
  const Given mine = given(pair.get("sae-a", "sae-b/enc_keys?number=2"));
  pair.b.keys.erase(mine.ids[1]);
  EXPECT_EQ(message(pair.post("sae-b", "sae-a/dec_keys", etsi014::key_ids_text(mine.ids))), etsi014::unknown_keys);
  EXPECT_EQ(given(pair.get("sae-b", "sae-a/dec_keys?key_ID=" + mine.ids[0])).keys[0], mine.keys[0]);
}

TEST(Entities, LogNeverShowsAKey) {
  Pair pair;
  const Said said = pair.get("sae-a", "sae-b/enc_keys");
  EXPECT_EQ(said.note.find(given(said).keys[0]), std::string::npos);
  EXPECT_EQ(said.sae, "sae-a");
}

}  // namespace
