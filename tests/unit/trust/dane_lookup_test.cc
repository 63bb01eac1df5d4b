// SPDX-License-Identifier: Apache-2.0
#include "trust/dane_lookup.h"

#include <gtest/gtest.h>

#include <optional>

#include "fake_dns.h"
#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;
using Places = std::vector<TlsaFound>;
using Names = std::vector<std::string>;

const Bytes one = {3, 1, 1, 1};
const Bytes two = {3, 1, 1, 2};

std::optional<Places> look_up(FakeDns& dns, DanePeer peer, bool backwards = false) {
  std::optional<Places> out;
  DaneLookup lookup(dns, std::move(peer), [&](Places found) { out = std::move(found); });
  dns.answer_all(backwards);
  return out;
}
/// The only place there is, in whatever order answers come.
TlsaFound only(FakeDns& dns, const DanePeer& peer) {
  const auto found = look_up(dns, peer);
  const auto again = look_up(dns, peer, true);
  if (!found || found->size() != 1 || !again || again->size() != 1) {
    ADD_FAILURE() << "not one place";
    return {};
  }
  EXPECT_EQ(found->front().state, again->front().state);
  EXPECT_EQ(found->front().owner, again->front().owner);
  return found->front();
}
const DanePeer web{true, "www.example", 443, ""};

TEST(DaneLookup, ServerWithoutAliases) {
  FakeDns dns;
  dns.host("www.example");
  dns.tlsa("_443._tcp.www.example", {one, two});
  const TlsaFound found = only(dns, web);
  EXPECT_EQ(found.state, TlsaState::records);
  EXPECT_EQ(found.owner, "_443._tcp.www.example.");
  EXPECT_EQ(found.records, (std::vector<Bytes>{one, two}));
  EXPECT_EQ(found.names, Names{"www.example"});
  EXPECT_EQ(found.ttl, 300U);
}

// RFC 7671 section 7.
TEST(DaneLookup, AliasesLeadToTheNameAtTheirEndFirst) {
  struct Case {
    const char* says;
    bool alias_secure;
    bool at_target, at_host;
    const char* owner;  // where the records are; empty: there are none
  };
  const Case cases[] = {
      {"both", true, true, true, "_443._tcp.host.example."},
      {"only at the end", true, true, false, "_443._tcp.host.example."},
      {"only at the name itself", true, false, true, "_443._tcp.www.example."},
      {"nowhere", true, false, false, ""},
      {"the aliases are not validated", false, true, true, "_443._tcp.www.example."},
      {"the aliases are not validated, none at the name itself", false, true, false, ""},
  };
  for (const Case& c : cases) {
    FakeDns dns;
    dns.alias("www.example", "host.example", c.alias_secure);
    if (c.at_target) dns.tlsa("_443._tcp.host.example", {two});
    if (c.at_host) dns.tlsa("_443._tcp.www.example", {one});
    const TlsaFound found = only(dns, web);
    const bool there = c.owner[0] != '\0';
    EXPECT_EQ(found.state, there ? TlsaState::records : TlsaState::absent) << c.says;
    if (!there) continue;
    EXPECT_EQ(found.owner, c.owner) << c.says;
    EXPECT_EQ(found.names, found.host == "host.example" ? Names({"host.example", "www.example"}) : Names{"www.example"}) << c.says;
    EXPECT_EQ(found.ttl, c.alias_secure && !c.at_target ? 60U : 200U) << c.says << ": the least of what it rests on";
  }
}

TEST(DaneLookup, WhatDnsDoesNotSayIsNeverAbsence) {
  const std::pair<DnsOutcome, TlsaState> cases[] = {
      {DnsOutcome::bogus, TlsaState::bogus}, {DnsOutcome::timeout, TlsaState::timeout}, {DnsOutcome::failed, TlsaState::failed}};
  for (const auto& [outcome, state] : cases) {
    FakeDns address;
    address.tlsa("_443._tcp.www.example", {one});
    address.nothing("www.example", DnsType::a, outcome);
    EXPECT_EQ(only(address, web).state, state);
    FakeDns records;
    records.host("www.example");
    records.nothing("_443._tcp.www.example", DnsType::tlsa, outcome);
    const TlsaFound found = only(records, web);
    EXPECT_EQ(found.state, state);
    EXPECT_NE(found.reason.find("so it is"), std::string::npos) << found.reason;
    FakeDns target;
    target.alias("www.example", "host.example");
    target.nothing("_443._tcp.host.example", DnsType::tlsa, outcome);
    target.tlsa("_443._tcp.www.example", {one});
    EXPECT_EQ(only(target, web).state, state) << "the records at the end of the aliases come first";
  }
}

TEST(DaneLookup, ProvedAbsenceAndUnsignedZonesAreToldApart) {
  FakeDns dns;
  EXPECT_EQ(only(dns, web).state, TlsaState::absent) << "no such name";
  dns.host("www.example");
  dns.nothing("_443._tcp.www.example", DnsType::tlsa, DnsOutcome::no_data);
  EXPECT_EQ(only(dns, web).state, TlsaState::absent);
  EXPECT_EQ(only(dns, web).ttl, 30U);
  dns.nothing("_443._tcp.www.example", DnsType::tlsa, DnsOutcome::no_name, insecure);
  EXPECT_EQ(only(dns, web).state, TlsaState::unsigned_zone);
  dns.tlsa("_443._tcp.www.example", {one}, insecure);
  EXPECT_EQ(only(dns, web).state, TlsaState::unsigned_zone) << "records without a proof count for nothing";
  dns.host("www.example", insecure);
  dns.nothing("_443._tcp.www.example", DnsType::tlsa, DnsOutcome::failed);
  EXPECT_EQ(only(dns, web).state, TlsaState::unsigned_zone) << "servers of unsigned zones may choke on the question";
}

// RFC 7672.
TEST(DaneLookup, MailDomainsNameTheirServers) {
  FakeDns dns;
  dns.set("example", DnsType::mx, secure, 100).message.targets = {{20, 0, 0, "b.example"}, {10, 0, 0, "a.example"}};
  dns.host("a.example");
  dns.host("b.example");
  dns.tlsa("_25._tcp.a.example", {one});
  const auto found = look_up(dns, {true, "example", 0, "smtp"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].owner, "_25._tcp.a.example.");
  EXPECT_EQ((*found)[0].names, (Names{"a.example", "example"}));
  EXPECT_EQ((*found)[0].ttl, 100U);
  EXPECT_EQ((*found)[1].state, TlsaState::absent);

  dns.answers[{"example", DnsType::mx}].secure = false;
  EXPECT_EQ(only(dns, {true, "example", 25, "smtp"}).state, TlsaState::unsigned_zone);
  dns.set("example", DnsType::mx, secure).message.targets = {{0, 0, 0, ""}};
  EXPECT_EQ(only(dns, {true, "example", 25, "smtp"}).state, TlsaState::no_service);
  dns.nothing("example", DnsType::mx, DnsOutcome::bogus);
  EXPECT_EQ(only(dns, {true, "example", 25, "smtp"}).state, TlsaState::bogus);
}

TEST(DaneLookup, HostsWithoutMxRecordsAreTheirOwnMailServers) {
  FakeDns dns;
  dns.nothing("mail.example", DnsType::mx, DnsOutcome::no_data);
  dns.host("mail.example");
  dns.tlsa("_2525._tcp.mail.example", {one});
  const TlsaFound found = only(dns, {true, "mail.example", 2525, "SMTP"});
  EXPECT_EQ(found.owner, "_2525._tcp.mail.example.");
  EXPECT_EQ(found.names, Names{"mail.example"});
}

// RFC 7673.
TEST(DaneLookup, SrvRecordsNameTheServers) {
  FakeDns dns;
  dns.set("_imap._tcp.example", DnsType::srv, secure, 100).message.targets = {{1, 0, 143, "a.example"}, {0, 0, 1143, "b.example"}};
  dns.host("a.example");
  dns.host("b.example");
  dns.tlsa("_143._tcp.a.example", {one});
  dns.tlsa("_1143._tcp.b.example", {two});
  TlsaFound found = only(dns, {true, "example", 143, "_imap._tcp"});
  EXPECT_EQ(found.owner, "_143._tcp.a.example.");
  EXPECT_EQ(found.names, (Names{"a.example", "example"}));
  EXPECT_EQ(only(dns, {true, "example", 1143, "_IMAP._tcp"}).records, std::vector<Bytes>{two});
  const auto any = look_up(dns, {true, "example", 0, "_imap._tcp"});
  ASSERT_TRUE(any && any->size() == 2);
  EXPECT_EQ(any->front().records, std::vector<Bytes>{two}) << "the lower priority first";
  EXPECT_EQ(only(dns, {true, "example", 993, "_imap._tcp"}).state, TlsaState::no_service);
  dns.answers[{"_imap._tcp.example", DnsType::srv}].secure = false;
  EXPECT_EQ(only(dns, {true, "example", 143, "_imap._tcp"}).state, TlsaState::unsigned_zone);
  dns.nothing("_imap._tcp.example", DnsType::srv, DnsOutcome::no_name);
  dns.host("example");
  dns.tlsa("_143._tcp.example", {one});
  EXPECT_EQ(only(dns, {true, "example", 143, "_imap._tcp"}).owner, "_143._tcp.example.") << "no such records: the domain is the host";
  dns.set("_dns._udp.example", DnsType::srv, secure).message.targets = {{0, 0, 853, "a.example"}};
  dns.tlsa("_853._udp.a.example", {one});
  EXPECT_EQ(only(dns, {true, "example", 853, "_dns._udp"}).owner, "_853._udp.a.example.");
}

TEST(DaneLookup, ServersWithoutAHostNameAndTooManyServersAreTrouble) {
  FakeDns dns;
  dns.set("example", DnsType::mx, secure).message.targets = {{0, 0, 0, "two words"}};
  EXPECT_EQ(only(dns, {true, "example", 25, "smtp"}).state, TlsaState::failed);
  auto& targets = dns.set("example", DnsType::mx, secure).message.targets;
  for (int i = 0; i < 40; ++i) targets.push_back({0, 0, 0, "h" + std::to_string(i) + ".example"});
  const auto found = look_up(dns, {true, "example", 25, "smtp"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), max_dane_places + 1);
  EXPECT_EQ(found->back().state, TlsaState::failed);
}

// draft-ietf-dance-client-auth.
TEST(DaneLookup, ClientsHaveRecordsForAServiceOrForAll) {
  FakeDns dns;
  dns.tlsa("device.example", {one});
  EXPECT_EQ(only(dns, {false, "device.example", 0, ""}).owner, "device.example.");
  EXPECT_EQ(only(dns, {false, "device.example", 0, "smtp-client"}).owner, "device.example.");
  dns.tlsa("_smtp-client.device.example", {two});
  EXPECT_EQ(only(dns, {false, "device.example", 0, "smtp-client"}).records, std::vector<Bytes>{two});
  EXPECT_EQ(only(dns, {false, "_smtp-client.device.example", 0, "other"}).records, std::vector<Bytes>{two});
  EXPECT_EQ(only(dns, {false, "_smtp-client.device.example", 0, "other"}).names, Names{"_smtp-client.device.example"});
  dns.nothing("_smtp-client.device.example", DnsType::tlsa, DnsOutcome::bogus);
  EXPECT_EQ(only(dns, {false, "device.example", 0, "smtp-client"}).state, TlsaState::bogus);
  dns.nothing("_smtp-client.device.example", DnsType::tlsa, DnsOutcome::no_data, insecure);
  EXPECT_EQ(only(dns, {false, "device.example", 0, "smtp-client"}).records, std::vector<Bytes>{one});
  dns.tlsa("sensor7._device.example", {one});
  EXPECT_EQ(only(dns, {false, "sensor7._device.example", 0, "x"}).owner, "sensor7._device.example.");
  EXPECT_EQ(only(dns, {false, "other.example", 0, "x"}).state, TlsaState::absent);
}

TEST(DaneLookup, NamesThatHaveNoRecords) {
  for (const char* name : {"", "192.0.2.1", "2001:db8::1", "joe@example", "two words"}) EXPECT_NE(DaneLookup::refuse({true, name, 443, ""}), "") << name;
  EXPECT_EQ(DaneLookup::refuse(web), "");
  EXPECT_TRUE(DaneLookup::needs_port({true, "www.example", 0, ""}));
  EXPECT_FALSE(DaneLookup::needs_port({true, "example", 0, "smtp"}));
  EXPECT_FALSE(DaneLookup::needs_port({true, "example", 0, "_imap._tcp"}));
  EXPECT_FALSE(DaneLookup::needs_port({false, "device.example", 0, ""}));
}

TEST(DaneLookup, EndsItsQuestionsWithItself) {
  FakeDns dns;
  {
    DaneLookup lookup(dns, web, [](const Places&) { ADD_FAILURE() << "nobody is there to be told"; });
    EXPECT_EQ(dns.waiting(), 2U);
  }
  EXPECT_EQ(dns.waiting(), 0U);
}

TEST(DaneLookup, WhoIsToldMayEndIt) {
  for (const DanePeer& peer : {web, DanePeer{true, "example", 25, "smtp"}, DanePeer{false, "device.example", 0, "x"}}) {
    FakeDns dns;
    std::unique_ptr<DaneLookup> lookup;
    lookup = std::make_unique<DaneLookup>(dns, peer, [&](const Places&) { lookup.reset(); });
    dns.answer_all();
    EXPECT_FALSE(lookup);
  }
}

// What several places come to together.
TEST(DanePlaces, Outcome) {
  Spec spec;
  spec.san = "DNS:www.example";
  const Party leaf = issue(spec);
  const Party other = issue(Spec{});
  const auto record = [](const Party& about) {
    return rdata_of(*make_tlsa(about.certificate.get(), TlsaUsage::dane_ee, TlsaSelector::public_key, TlsaMatching::sha256));
  };
  const auto with = [](std::vector<Bytes> records) { return TlsaFound{TlsaState::records, "h", "_1._tcp.h.", std::move(records), {"h"}, 300, ""}; };
  const auto without = [](TlsaState state) { return TlsaFound{state, "h", "_1._tcp.h.", {}, {}, 60, "why"}; };
  const TlsaFound good = with({record(leaf)});
  const TlsaFound bad = with({record(other)});
  const TlsaFound unusable = with({{9, 9, 9, 9}});
  const TlsaFound gone = without(TlsaState::absent);
  using enum DaneOutcome::Kind;
  const struct {
    Places places;
    DaneOutcome::Kind kind;
    std::int64_t lasts;  // seconds; 0: no bound is told
  } cases[] = {
      {{good}, match, 300},
      {{bad}, mismatch, 300},
      {{unusable}, absent, 300},
      {{gone}, absent, 60},
      {{without(TlsaState::unsigned_zone)}, absent, 60},
      {{without(TlsaState::no_service)}, mismatch, 60},
      {{without(TlsaState::bogus)}, no_answer, 0},
      {{without(TlsaState::timeout)}, no_answer, 0},
      {{without(TlsaState::failed)}, no_answer, 0},
      {{bad, good}, match, 300},
      {{without(TlsaState::bogus), good}, match, 300},
      {{bad, gone}, mismatch, 60},
      {{gone, bad}, mismatch, 60},
      {{bad, without(TlsaState::bogus)}, no_answer, 0},
      {{without(TlsaState::timeout), bad}, no_answer, 0},
      {{gone, unusable}, absent, 60},
  };
  const std::time_t now = std::time(nullptr);
  for (const auto& c : cases) {
    DaneQuery query;
    query.chain = {leaf.der()};
    const DaneOutcome outcome = judge_places(c.places, query, now);
    EXPECT_EQ(outcome.kind, c.kind) << &c - cases << " " << outcome.reason;
    EXPECT_EQ(outcome.valid_until, c.lasts == 0 ? 0 : now + c.lasts) << &c - cases;
    EXPECT_NE(outcome.reason, "");
  }
}

}  // namespace
}  // namespace tlspool::trust
