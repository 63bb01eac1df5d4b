// SPDX-License-Identifier: Apache-2.0
#include "qkd/check_suite.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "memory_store.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

/// What an entity answers, before a test spoils it.
struct Spoilt {
  const etsi014::Exchange& asked;
  std::string sae;
  int status;
  std::string body;
  std::string type = "application/json";
};
using Spoil = std::function<void(Spoilt&)>;

std::vector<CheckRow> check(const Spoil& spoil = {}, bool slave = true, bool other = true) {
  Pair pair(90);
  Probe::Habits habits;
  const auto probe = [&](std::string sae, Site site) {
    return Probe(
        [&, sae, site](const etsi014::Exchange& asked) -> Result<etsi014::Reply> {
          const Said said = pair.entities.answer(site, {asked.method, asked.path, asked.body, {sae}});
          Spoilt spoilt{asked, sae, said.status, said.body};
          if (spoil) spoil(spoilt);
          etsi014::Reply reply;
          reply.status = spoilt.status;
          reply.content_type = spoilt.type;
          reply.body = copy_of(view(spoilt.body));
          return reply;
        },
        habits);
  };
  Probe at_master = probe("sae-a", Site::first);
  Probe at_slave = probe("sae-b", Site::second);
  Probe stranger = probe("sae-a", Site::second);
  Probe third = probe("sae-d", Site::second);
  return CheckSuite({"sae-a", "sae-b", other ? "sae-d" : ""},
                    {&at_master, slave ? &at_slave : nullptr, other ? &third : nullptr, slave ? &stranger : nullptr}, habits)
      .run();
}

std::vector<std::string> with(const std::vector<CheckRow>& rows, Verdict verdict) {
  std::vector<std::string> out;
  for (const CheckRow& row : rows) {
    if (row.verdict == verdict) out.push_back(row.name);
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(CheckSuite, ConformingEntityPassesAll) {
  const auto rows = check();
  EXPECT_EQ(with(rows, Verdict::fail), Names{}) << check_table(rows);
  EXPECT_EQ(with(rows, Verdict::skipped), Names{});
  EXPECT_FALSE(any_failed(rows));
}

TEST(CheckSuite, SaysWhatItLeftOut) {
  EXPECT_EQ(with(check({}, false, false), Verdict::skipped), (Names{"dec_keys", "multicast"}));
  EXPECT_EQ(with(check({}, true, false), Verdict::skipped), Names{"multicast"});
}

TEST(CheckSuite, TableAndJsonSayWhatWasExpectedAndWhatCame) {
  const auto rows = check([](Spoilt& s) {
    if (s.status == 401) s.status = 404;
  });
  EXPECT_TRUE(any_failed(rows));
  EXPECT_NE(check_table(rows).find("expected 400 or 401; came 404"), std::string::npos) << check_table(rows);
  const wire::Value json = check_json("https://kme", rows);
  EXPECT_GT(json.number("failed"), 0);
  EXPECT_EQ(json.number("failed") + json.number("passed") + json.number("skipped"), static_cast<std::int64_t>(rows.size()));
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
}
bool asks(const Spoilt& s, const char* what) {
  return s.asked.path.find(what) != std::string::npos || s.asked.body.find(what) != std::string::npos;
}

/// One thing that an entity does wrong, and the check that finds it.
struct Flaw {
  const char* check;
  Spoil spoil;
};

TEST(CheckSuite, EveryCheckCanFail) {
  const auto ok = [](const char* what) {
    return [what](Spoilt& s) {
      if (asks(s, what)) {
        s.status = 200;
        s.body = R"({"keys":[]})";
      }
    };
  };
  std::map<std::string, std::string> delivered;
  const std::vector<Flaw> flaws{
      {"status", [](Spoilt& s) { if (asks(s, "/status")) s.status = 503; }},
      {"status-fields", [](Spoilt& s) { replace(s.body, "\"key_size\":256", "\"key_size\":\"256\""); }},
      {"status-names", [](Spoilt& s) { replace(s.body, "\"slave_SAE_ID\":\"sae-b\"", "\"slave_SAE_ID\":\"sae-x\""); }},
      {"status-limits", [](Spoilt& s) { replace(s.body, "\"min_key_size\":64", "\"min_key_size\":512"); }},
      {"enc_keys-get", [](Spoilt& s) { if (s.asked.method == "GET") replace(s.body, "\"key\":\"", "\"key\":\"!"); }},
      {"enc_keys-post", [](Spoilt& s) { if (s.asked.body == "{}") replace(s.body, "\"key_ID\":\"", "\"key_ID\":\"x"); }},
      {"enc_keys-get-number-size", [](Spoilt& s) { if (asks(s, "?number=3")) s.body = R"({"keys":[]})"; }},
      {"enc_keys-post-number-size", [](Spoilt& s) { if (asks(s, "\"number\":3")) s.body = R"({"keys":[]})"; }},
      {"size-multiple-of-8", [](Spoilt& s) { replace(s.body, "multiple of 8", "multiple of eight"); }},
      {"size-too-large", ok("1032")},
      {"size-too-small", ok("\"size\":56")},
      {"number-zero", ok("\"number\":0")},
      {"number-too-large", ok("number=101")},
      {"mandatory-extension", ok("extension_mandatory")},
      {"optional-extension", [](Spoilt& s) { if (asks(s, "extension_optional")) s.status = 400; }},
      {"unknown-slave", ok("nobody.invalid/enc_keys")},
      {"unknown-slave-status", ok("nobody.invalid/status")},
      {"broken-json", ok("{\"number\":")},
      {"wrong-type", ok("\"two\"")},
      {"dec_keys-get", [](Spoilt& s) { if (asks(s, "dec_keys?")) replace(s.body, "\"key\":\"", "\"key\":\"AAAA"); }},
      {"dec_keys-post", [](Spoilt& s) { if (asks(s, "key_IDs")) replace(s.body, "\"key_ID\":\"", "\"key_ID\":\"x"); }},
      {"deleted-after-get",
       [&](Spoilt& s) {
         if (s.sae != "sae-b" || !asks(s, "dec_keys?")) return;
         if (s.status == 200) delivered[s.asked.path] = s.body;
         else if (delivered.contains(s.asked.path)) s.status = 200, s.body = delivered[s.asked.path];
       }},
      {"deleted-after-post",
       [&](Spoilt& s) {
         if (!asks(s, "key_IDs")) return;
         if (s.status == 200) delivered[s.asked.body] = s.body;
         else if (delivered.contains(s.asked.body)) s.status = 200, s.body = delivered[s.asked.body];
       }},
      {"unknown-key-id", [](Spoilt& s) { if (asks(s, "00000000-0000")) s.body = R"({"message":"which key?"})"; }},
      {"broken-json-dec_keys", ok("{\"key_IDs\":[")},
      {"malformed-key-id", ok("\"key_ID\":\"x\"")},
      {"key-of-others", [](Spoilt& s) { if (s.sae == "sae-d" && s.status == 401) s.status = 400, s.body = R"({"message":"no"})"; }},
      {"key-of-other-master", ok("nobody.invalid/dec_keys")},
      {"key-stays-for-its-slave",
       [lost = std::string()](Spoilt& s) mutable {
         if (s.sae == "sae-d" && s.status == 401) lost = s.asked.path;
         else if (s.asked.path == lost) s.status = 400, s.body = R"({"message":"gone"})";
       }},
      {"multicast-unknown", ok("[\"nobody.invalid\"]")},
      {"multicast", [](Spoilt& s) { if (s.sae == "sae-d" && s.status == 200) s.status = 401, s.body.clear(); }},
      {"content-type", [](Spoilt& s) { s.type = "text/html"; }},
      {"status-codes", [](Spoilt& s) { if (s.status == 401) s.status = 404; }},
      {"error-format", [](Spoilt& s) { if (s.status == 400) s.body = "Bad Request"; }},
      {"unauthorized-format", [](Spoilt& s) { if (s.status == 401) s.body = "who?"; }},
      {"key-ids-unique",
       [first = std::string()](Spoilt& s) mutable {
         if (!asks(s, "/enc_keys") || s.status != 200) return;
         if (first.empty()) first = s.body;
         else s.body = first;
       }},
  };
  Names checks;
  for (const CheckRow& row : check()) checks.push_back(row.name);
  Names tried;
  for (const Flaw& flaw : flaws) {
    const auto rows = check(flaw.spoil);
    const Names failed = with(rows, Verdict::fail);
    EXPECT_NE(std::find(failed.begin(), failed.end(), flaw.check), failed.end()) << flaw.check << "\n" << check_table(rows);
    tried.emplace_back(flaw.check);
  }
  std::sort(checks.begin(), checks.end());
  std::sort(tried.begin(), tried.end());
  EXPECT_EQ(tried, checks);
}

TEST(CheckSuite, EntityThatAnswersNothingFailsAndHarmsNobody) {
  Probe::Habits habits;
  Probe dead([](const etsi014::Exchange&) -> Result<etsi014::Reply> { return fail({Code::closed, "GET", "", "the connection ended", {}}); },
             habits);
  const auto rows = CheckSuite({"sae-a", "sae-b", "sae-d"}, {&dead, &dead, &dead, &dead}, habits).run();
  EXPECT_TRUE(any_failed(rows));
  EXPECT_NE(check_table(rows).find("came no answer: the connection ended"), std::string::npos);
}

TEST(CheckSuite, NoKeyStandsInTheReport) {
  std::vector<std::string> keys;
  const auto rows = check([&](Spoilt& s) {
    const auto value = wire::parse_json(s.body);
    const wire::Value* list = value ? value->find("keys") : nullptr;
    if (list == nullptr) return;
    for (const wire::Value& key : *list->elements()) keys.push_back(key.text("key"));
    if (asks(s, "dec_keys")) replace(s.body, "\"key\":\"", "\"key\":\"AAAA");  // so that something fails
  });
  const std::string all = check_table(rows) + wire::to_json(check_json("u", rows));
  ASSERT_GT(keys.size(), 10u);
  for (const std::string& key : keys) EXPECT_EQ(all.find(key), std::string::npos);
}

}  // namespace
