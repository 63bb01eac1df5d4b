// SPDX-License-Identifier: Apache-2.0
#include "judge/pin_source.h"

#include <gtest/gtest.h>

#include <ctime>
#include <fstream>

#include "../temporary_directory.h"
#include "../trust/pki.h"

namespace tlspool::judge {
namespace {

using namespace tlspool::test;
using trust::Answer;
using trust::CheckKind;

class PinSources : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();

  void SetUp() override {
    store_ = std::make_shared<PinStore>(loop_, directory_);
  }
  void TearDown() override {
    store_.reset();
  }
  static Party leaf(const std::string& san) {
    Spec spec;
    spec.san = san;
    return issue(spec);
  }
  SubjectPtr subject(const Party& party, const std::string& expected = {}, const std::string& service = {}) {
    auto out = std::make_shared<Subject>();
    out->query.expected = expected;
    out->query.service = service;
    out->query.chain = {party.der()};
    out->now = std::time(nullptr);
    out->presented = std::move(*trust::present(anchors_, known_, out->query, out->now));
    out->identity = !expected.empty() ? expected : out->presented->names.empty() ? "" : out->presented->names.front();
    return out;
  }
  Answer ask(const SubjectPtr& s, CheckKind kind = CheckKind::pin) {
    auto said = source().ask(s, trust::Check{kind, {}, 0}, nullptr);
    return std::get<CheckAnswer>(said).answer;
  }
  PinSource& source() {
    if (!source_) source_ = std::make_unique<PinSource>(store_, wire::PinSetup{});
    return *source_;
  }
  void pin(const std::string& name, const Party& party) {
    ASSERT_TRUE(store_->add({name, "", wire::PinOf::key, tls::spki_digest(party.certificate.get()), wire::PinOrigin::administrator, 1, 0}));
  }

  Loop loop_;
  trust::Anchors anchors_;
  trust::KnownCertificates known_;
  std::shared_ptr<PinStore> store_;
  std::unique_ptr<PinSource> source_;
};

TEST_F(PinSources, TwoThatAreSeenForTheFirstTimeSideBySideAreNotBothLetIn) {
  const Party one = leaf("DNS:a.example");
  const Party two = leaf("DNS:a.example");
  const auto first = subject(one, "a.example");
  const auto again = subject(one, "a.example");
  const auto second = subject(two, "a.example");
  EXPECT_EQ(ask(first, CheckKind::pin_or_first_use), Answer::yes);
  EXPECT_EQ(ask(second, CheckKind::pin_or_first_use), Answer::no);
  EXPECT_EQ(ask(again, CheckKind::pin_or_first_use), Answer::yes);
  source().accepted(again);
  source().accepted(first);
  source().accepted(second);
  EXPECT_EQ(store_->pins().size(), 1u);
  EXPECT_EQ(ask(second, CheckKind::pin_or_first_use), Answer::no);
  EXPECT_EQ(ask(first), Answer::yes);
}

TEST_F(PinSources, WhoWasNotLetInLeavesNothingBehind) {
  const Party one = leaf("DNS:a.example");
  const Party two = leaf("DNS:a.example");
  EXPECT_EQ(ask(subject(one, "a.example"), CheckKind::pin_or_first_use), Answer::yes);  // and its question ended
  const auto second = subject(two, "a.example");
  EXPECT_EQ(ask(second, CheckKind::pin_or_first_use), Answer::yes);
  source().accepted(second);
  EXPECT_EQ(ask(subject(one, "a.example")), Answer::no);
  source().accepted(subject(one, "b.example"));  // which was never asked about
  EXPECT_EQ(store_->pins().size(), 1u);
}

TEST_F(PinSources, CertificatesThatNobodyShowedAreNotRemembered) {
  auto s = std::make_shared<Subject>();
  const auto shown = subject(leaf("DNS:a.example"), "a.example");
  s->query = shown->query;
  s->query.connection.known = false;
  s->now = shown->now;
  s->presented = std::move(*trust::present(anchors_, known_, s->query, s->now));
  s->identity = "a.example";
  EXPECT_EQ(ask(s, CheckKind::pin_or_first_use), Answer::yes);
  source().accepted(s);
  EXPECT_EQ(store_->pins().size(), 0u);
}

TEST_F(PinSources, ThePinOfARequestCounts) {
  const Party party = leaf("DNS:a.example");
  const auto with = [&](Bytes pin) {
    auto s = std::make_shared<Subject>();
    s->query = subject(party, "a.example")->query;
    s->query.pin = std::move(pin);
    s->now = std::time(nullptr);
    s->presented = std::move(*trust::present(anchors_, known_, s->query, s->now));
    s->identity = "a.example";
    return s;
  };
  EXPECT_EQ(ask(with(tls::spki_digest(party.certificate.get()))), Answer::yes);
  EXPECT_EQ(ask(with(Bytes(32, 1))), Answer::no);
  EXPECT_EQ(ask(with(Bytes(32, 1)), CheckKind::pin_or_first_use), Answer::no);
}

TEST_F(PinSources, AnotherNameCountsOnlyWhereAnAuthorityVouchesForIt) {
  const Party alone = leaf("DNS:b.example,DNS:a.example");
  pin("a.example", alone);
  EXPECT_EQ(ask(subject(alone)), Answer::unknown);
  EXPECT_EQ(ask(subject(alone, "a.example")), Answer::yes);
  const Party ca = issue(ca_spec("Root"));
  ASSERT_TRUE(anchors_.add_pem(ca.pem(), "ca"));
  Spec spec;
  spec.san = "DNS:b.example,DNS:a.example";
  const Party vouched = issue(spec, &ca);
  pin("a.example", vouched);
  EXPECT_EQ(ask(subject(vouched)), Answer::yes);
}

TEST_F(PinSources, ABrokenFileIsNoAnswerUntilItIsMended) {
  const Party party = leaf("DNS:a.example");
  pin("a.example", party);
  std::string good;
  {
    std::ifstream in(directory_ + "/pins");
    good.assign(std::istreambuf_iterator<char>(in), {});
  }
  source_.reset();
  store_.reset();
  std::ofstream(directory_ + "/pins") << good.substr(0, good.size() - 3);
  store_ = std::make_shared<PinStore>(loop_, directory_);
  EXPECT_NE(store_->problem(), "");
  EXPECT_EQ(ask(subject(party, "a.example")), Answer::unknown);
  EXPECT_EQ(ask(subject(party, "b.example"), CheckKind::pin_or_first_use), Answer::unknown);
  EXPECT_FALSE(store_->add({"c.example", "", wire::PinOf::key, Bytes(32, 1), wire::PinOrigin::administrator, 1, 0}));
  std::ofstream(directory_ + "/pins") << good;
  store_->read_again();
  EXPECT_EQ(ask(subject(party, "a.example")), Answer::yes);
}

TEST_F(PinSources, WhatIsRememberedIsOnTheDiskAtTheEnd) {
  for (int i = 0; i < 50; ++i) {
    const std::string name = "host-" + std::to_string(i) + ".example";
    const auto s = subject(leaf("DNS:" + name), name);
    ASSERT_EQ(ask(s, CheckKind::pin_or_first_use), Answer::yes);
    source().accepted(s);
  }
  source_.reset();
  store_.reset();
  store_ = std::make_shared<PinStore>(loop_, directory_);
  EXPECT_EQ(store_->pins().size(), 50u);
}

}  // namespace
}  // namespace tlspool::judge
