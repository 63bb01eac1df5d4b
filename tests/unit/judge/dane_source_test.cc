// SPDX-License-Identifier: Apache-2.0
#include "judge/dane_source.h"

#include <gtest/gtest.h>

#include <optional>

#include "../trust/fake_dns.h"
#include "../trust/pki.h"
#include "trust/tlsa.h"

namespace tlspool::judge {
namespace {

using namespace tlspool::test;
using trust::Answer;
using trust::CheckKind;

struct FakeService : DnsService {
  explicit FakeService(Loop& loop) : DnsService(loop, {}, "") {}
  Result<trust::Dns*> dns() override {
    if (broken) return fail({Code::config, "set up the DNS resolver", "", "there is no key of the root zone to start from", ""});
    return &fake;
  }
  FakeDns fake;
  bool broken = false;
};

class DaneSourceTest : public testing::Test {
 protected:
  DaneSourceTest() {
    spec_.san = "DNS:www.example";
    leaf_ = issue(spec_);
    query_.expected = "www.example";
    query_.connection.port = 443;
    dns().host("www.example");
  }
  FakeDns& dns() { return service_->fake; }
  static Bytes record(const Party& about, trust::TlsaUsage usage = trust::TlsaUsage::dane_ee) {
    return trust::rdata_of(*trust::make_tlsa(about.certificate.get(), usage, trust::TlsaSelector::public_key, trust::TlsaMatching::sha256));
  }
  SubjectPtr subject() {
    auto made = std::make_shared<Subject>();
    made->now = std::time(nullptr);
    made->anchors = std::make_shared<const trust::Anchors>();
    made->query = query_;
    made->query.chain = {leaf_.der()};
    trust::KnownCertificates known;
    made->presented = trust::present(*made->anchors, known, made->query, made->now).value();
    made->identity = query_.expected;
    return made;
  }
  CheckAnswer ask(CheckKind kind) {
    std::optional<CheckAnswer> out;
    auto said = source_.ask(subject(), {kind, "", 0}, [&](CheckAnswer answer) { out = std::move(answer); });
    if (auto* at_once = std::get_if<CheckAnswer>(&said)) return *at_once;
    EXPECT_FALSE(out) << "not before ask() has returned";
    dns().answer_all();
    return out ? *out : CheckAnswer{Answer::pending, "no answer came", 0};
  }
  void expect(Answer dane, Answer if_present, const std::string& says) {
    const CheckAnswer one = ask(CheckKind::dane);
    const CheckAnswer other = ask(CheckKind::dane_if_present);
    EXPECT_EQ(one.answer, dane) << one.reason;
    EXPECT_EQ(other.answer, if_present) << other.reason;
    EXPECT_NE(one.reason.find(says), std::string::npos) << one.reason;
  }

  Loop loop_;
  std::shared_ptr<FakeService> service_ = std::make_shared<FakeService>(loop_);
  DaneSource source_{service_};
  Spec spec_;
  Party leaf_;
  wire::ChainQuery query_;
};

TEST_F(DaneSourceTest, RecordThatHolds) {
  dns().tlsa("_443._tcp.www.example", {record(leaf_)});
  expect(Answer::yes, Answer::yes, "_443._tcp.www.example. IN TLSA 3 1 1");
  const std::int64_t end = ask(CheckKind::dane).valid_until;
  EXPECT_GE(end, std::time(nullptr) + 290);
  EXPECT_LE(end, std::time(nullptr) + 300);
}

TEST_F(DaneSourceTest, RecordOfAnotherCertificate) {
  dns().tlsa("_443._tcp.www.example", {record(issue(Spec{}))});
  expect(Answer::no, Answer::no, "the peer's own certificate is another");
}

TEST_F(DaneSourceTest, ProvedAbsenceIsEnoughForOneOfThem) { expect(Answer::no, Answer::yes, "it is proved that there is no TLSA record"); }

TEST_F(DaneSourceTest, UnsignedZoneIsProvedAbsence) {
  dns().host("www.example", insecure);
  dns().tlsa("_443._tcp.www.example", {record(leaf_)}, insecure);
  expect(Answer::no, Answer::yes, "insecure");
}

TEST_F(DaneSourceTest, RecordsThatNobodyCanUseAreAsIfTheyWereNotThere) {
  dns().tlsa("_443._tcp.www.example", {{4, 1, 1, 0}});
  expect(Answer::no, Answer::yes, "usage 4 is unknown");
}

TEST_F(DaneSourceTest, TroubleIsNoAnswer) {
  const std::pair<DnsOutcome, const char*> cases[] = {{DnsOutcome::bogus, "bogus"}, {DnsOutcome::timeout, "timed out"}, {DnsOutcome::failed, "failed"}};
  for (const auto& [outcome, says] : cases) {
    dns().nothing("_443._tcp.www.example", DnsType::tlsa, outcome);
    expect(Answer::unknown, Answer::unknown, says);
  }
}

TEST_F(DaneSourceTest, PeersThatHaveNoRecords) {
  for (const char* name : {"192.0.2.1", "2001:db8::1", "joe@www.example"}) {
    query_.expected = name;
    expect(Answer::no, Answer::yes, "is no name of a host");
  }
  query_.expected = "two words";
  expect(Answer::unknown, Answer::unknown, "is no name of a host");
  query_.expected = "";
  expect(Answer::unknown, Answer::unknown, "nobody says");
  query_.expected = "www.example";
  query_.connection.port = 0;
  expect(Answer::unknown, Answer::unknown, "port is not known");
  EXPECT_TRUE(dns().asked.empty());
}

TEST_F(DaneSourceTest, ClientsAreAskedForByTheirOwnName) {
  query_.peer_is_server = false;
  query_.connection.port = 0;
  dns().tlsa("www.example", {record(leaf_)});
  expect(Answer::yes, Answer::yes, "www.example. IN TLSA");
  query_.service = "smtp-client";
  dns().tlsa("_smtp-client.www.example", {record(issue(Spec{}))});
  expect(Answer::no, Answer::no, "_smtp-client.www.example.");
}

TEST_F(DaneSourceTest, WithoutDnsThereIsNoAnswer) {
  service_->broken = true;
  expect(Answer::unknown, Answer::unknown, "no key of the root zone");
}

TEST_F(DaneSourceTest, CancelledQuestionIsNotAnswered) {
  const auto said = source_.ask(subject(), {CheckKind::dane, "", 0}, [](const CheckAnswer&) { ADD_FAILURE() << "nobody waits"; });
  std::get<Source::Cancel>(said)();
  EXPECT_EQ(dns().waiting(), 0U);
  dns().answer_all();
}

TEST_F(DaneSourceTest, SharedKeyIsNoCertificate) {
  auto made = std::make_shared<Subject>();
  const auto said = source_.ask(made, {CheckKind::dane_if_present, "", 0}, [](const CheckAnswer&) {});
  EXPECT_EQ(std::get<CheckAnswer>(said).answer, Answer::no);
}

}  // namespace
}  // namespace tlspool::judge
