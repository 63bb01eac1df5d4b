// SPDX-License-Identifier: Apache-2.0
#include "judge/revocation_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "../temporary_directory.h"
#include "../trust/revocation_pki.h"
#include "http_server.h"

namespace tlspool::judge::revocation_source_tests {
namespace {

using namespace tlspool::test;
using trust::Answer;
using trust::Check;
using trust::CheckKind;

class RevocationSourceTest : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();

  RevocationSourceTest() {
    setup_.deadline_ms = 2000;
    restart();
  }
  ~RevocationSourceTest() override {
    source_.reset();
    memory_.reset();
  }
  // As a judge that starts again, with what it kept in its directory.
  void restart() {
    memory_ = std::make_shared<RevocationMemory>(loop_, directory_);
    apply();
  }
  void apply() { source_ = std::make_unique<RevocationSource>(memory_, setup_); }

  Spec spec(const char* path) const {
    Spec s;
    s.san = "DNS:a.example";
    s.more = {{NID_crl_distribution_points, "URI:" + server_.url(std::string("/crl/") + path)},
              {NID_info_access, "OCSP;URI:" + server_.url(std::string("/ocsp/") + path)}};
    return s;
  }
  SubjectPtr subject_of(std::vector<const Party*> chain, Bytes stapled = {}) {
    auto subject = std::make_shared<Subject>();
    subject->now = std::time(nullptr);
    auto anchors = std::make_shared<trust::Anchors>();
    EXPECT_TRUE(anchors->add_pem(ca_.pem(), "ca"));
    subject->anchors = anchors;
    for (const Party* p : chain) subject->query.chain.push_back(p->der());
    subject->query.connection.known = true;
    subject->query.connection.stapled = std::move(stapled);
    auto presented = trust::present(*anchors, known_, subject->query, subject->now);
    EXPECT_TRUE(presented);
    subject->presented = std::move(*presented);
    return subject;
  }
  CheckAnswer ask(const SubjectPtr& subject, CheckKind kind) {
    std::optional<CheckAnswer> got;
    auto said = source_->ask(subject, Check{kind, "", 0}, [&](CheckAnswer answer) { got = std::move(answer); });
    if (auto* at_once = std::get_if<CheckAnswer>(&said)) return *at_once;
    bool late = false;
    Timer limit(loop_);
    limit.start(std::chrono::seconds{20}, [&] { late = true; });
    while (!got && !late) loop_.turn(std::chrono::milliseconds{1000});
    EXPECT_FALSE(late);
    return got.value_or(CheckAnswer{});
  }
  Answer crl(const Party& leaf) { return ask(subject_of({&leaf}), CheckKind::crl).answer; }
  Answer crl_if_present(const Party& leaf) { return ask(subject_of({&leaf}), CheckKind::crl_if_present).answer; }
  Answer ocsp(const Party& leaf) { return ask(subject_of({&leaf}), CheckKind::ocsp).answer; }
  void publish(const std::string& path, const Bytes& what) {
    const std::lock_guard lock(mutex_);
    published_[path] = std::string(text_of(what));
  }
  std::string file(const std::string& name, const Bytes& content) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text_of(content);
    return path;
  }

  Loop loop_;
  std::mutex mutex_;
  std::map<std::string, std::string> published_;
  HttpServer server_{[this](const std::string& request) {
    const std::lock_guard lock(mutex_);
    const auto begin = request.find(' ') + 1;
    const auto found = published_.find(request.substr(begin, request.find(' ', begin) - begin));
    if (found == published_.end()) return HttpServer::Answer{HttpServer::reply("", "404 Not Found")};
    return HttpServer::Answer{HttpServer::reply(found->second)};
  }};
  static Spec anchor_spec() {
    Spec s = ca_spec("ca");
    s.key_usage = "critical,keyCertSign,cRLSign,digitalSignature";
    return s;
  }
  Party ca_ = issue(anchor_spec());
  Party good_ = issue(spec("ca"), &ca_);
  Party bad_ = issue(spec("ca"), &ca_);
  Party silent_ = issue({}, &ca_);  // names neither
  trust::KnownCertificates known_;
  wire::RevocationSetup setup_;
  std::shared_ptr<RevocationMemory> memory_;
  std::unique_ptr<RevocationSource> source_;
};

TEST_F(RevocationSourceTest, WithoutAListThereIsNoAnswer) {
  EXPECT_EQ(crl(good_), Answer::unknown);
  EXPECT_EQ(crl_if_present(good_), Answer::yes);  // by the configuration none is named
  setup_.distribution_points = true;
  apply();
  EXPECT_EQ(crl(good_), Answer::unknown);  // 404
  EXPECT_EQ(crl_if_present(good_), Answer::unknown);
  EXPECT_EQ(crl(silent_), Answer::unknown);
  EXPECT_EQ(crl_if_present(silent_), Answer::yes);
}

TEST_F(RevocationSourceTest, AListFromAFileIsReadAgainWhenItChanges) {
  setup_.crl_files = {file("ca.crl", make_list(ca_, {.revoked = {{&bad_}}}))};
  apply();
  EXPECT_EQ(crl(good_), Answer::yes);
  const CheckAnswer no = ask(subject_of({&bad_}), CheckKind::crl);
  EXPECT_EQ(no.answer, Answer::no);
  EXPECT_NE(no.reason.find("ca.crl"), std::string::npos) << no.reason;
  EXPECT_EQ(crl_if_present(bad_), Answer::no);
  file("next", make_list(ca_, {.revoked = {{&good_}}}));
  std::filesystem::rename(directory_ + "/next", directory_ + "/ca.crl");
  // The old one serves while the new one is read.
  for (int i = 0; i < 1000 && crl(good_) != Answer::no; ++i) loop_.turn(std::chrono::milliseconds{10});
  EXPECT_EQ(crl(good_), Answer::no);
  EXPECT_EQ(crl(bad_), Answer::yes);
  std::filesystem::remove(directory_ + "/ca.crl");
  EXPECT_EQ(crl(good_), Answer::unknown);
  EXPECT_EQ(crl_if_present(good_), Answer::unknown);
}

TEST_F(RevocationSourceTest, AListIsFetchedOnceAndOutlivesARestart) {
  publish("/crl/ca", make_list(ca_, {.revoked = {{&bad_}}}));
  setup_.distribution_points = true;
  apply();
  int answers = 0;
  std::vector<Source::Cancel> cancels;
  for (int i = 0; i < 10; ++i) {
    auto said = source_->ask(subject_of({&good_}), Check{CheckKind::crl, "", 0}, [&](const CheckAnswer& a) { answers += a.answer == Answer::yes ? 1 : 0; });
    cancels.push_back(std::get<Source::Cancel>(std::move(said)));
  }
  EXPECT_EQ(crl(bad_), Answer::no);
  for (int i = 0; i < 1000 && answers < 10; ++i) loop_.turn(std::chrono::milliseconds{10});
  EXPECT_EQ(answers, 10);
  EXPECT_EQ(server_.requests(), 1);
  restart();
  EXPECT_EQ(crl(bad_), Answer::no);
  EXPECT_EQ(crl(good_), Answer::yes);
  EXPECT_EQ(server_.requests(), 1);
}

TEST_F(RevocationSourceTest, WhoeverCancelsHearsNothing) {
  publish("/crl/ca", make_list(ca_, {}));
  setup_.distribution_points = true;
  apply();
  bool called = false;
  auto said = source_->ask(subject_of({&good_}), Check{CheckKind::crl, "", 0}, [&](const CheckAnswer&) { called = true; });
  std::get<Source::Cancel>(said)();
  EXPECT_EQ(crl(good_), Answer::yes);
  EXPECT_FALSE(called);
}

TEST_F(RevocationSourceTest, ForgedAndStaleListsSayNothing) {
  const Party impostor = issue(ca_spec("ca"));
  setup_.distribution_points = true;
  const std::vector<Bytes> lists{make_list(impostor, {}), make_list(ca_, {.from = -2 * day, .until = -day}),
                                 make_list(ca_, {.from = day, .until = 2 * day}), copy_of(view("<html>")), {},
                                 make_list(ca_, {.digest = EVP_sha1()}), make_list(ca_, {.number = 12, .base = 10})};
  for (const Bytes& list : lists) {
    publish("/crl/ca", list);
    restart();
    EXPECT_EQ(crl(good_), Answer::unknown);
    EXPECT_EQ(crl_if_present(good_), Answer::unknown);
  }
}

TEST_F(RevocationSourceTest, AListThatIsTooLargeIsRefused) {
  publish("/crl/ca", make_list(ca_, {.others = 1000}));
  setup_.distribution_points = true;
  setup_.list_bytes = 20'000;
  apply();
  const CheckAnswer answer = ask(subject_of({&good_}), CheckKind::crl);
  EXPECT_EQ(answer.answer, Answer::unknown);
  EXPECT_NE(answer.reason.find("larger than 20000 bytes"), std::string::npos) << answer.reason;
  setup_.crl_files = {file("big.crl", make_list(ca_, {.others = 1000}))};
  setup_.distribution_points = false;
  apply();
  EXPECT_NE(ask(subject_of({&good_}), CheckKind::crl).reason.find("raise list_bytes"), std::string::npos);
}

TEST_F(RevocationSourceTest, EveryCertificateBelowTheAnchorIsLookedUp) {
  Spec s = ca_spec("intermediate");
  s.more = {{NID_crl_distribution_points, "URI:" + server_.url("/crl/ca")}};
  const Party intermediate = issue(s, &ca_);
  const Party leaf = issue(spec("intermediate"), &intermediate);
  publish("/crl/intermediate", make_list(intermediate, {}));
  setup_.distribution_points = true;
  apply();
  EXPECT_EQ(ask(subject_of({&leaf, &intermediate}), CheckKind::crl).answer, Answer::unknown);
  publish("/crl/ca", make_list(ca_, {.revoked = {{&intermediate}}}));
  restart();
  const CheckAnswer answer = ask(subject_of({&leaf, &intermediate}), CheckKind::crl);
  EXPECT_EQ(answer.answer, Answer::no);
  EXPECT_NE(answer.reason.find("CN=intermediate is revoked"), std::string::npos) << answer.reason;
}

TEST_F(RevocationSourceTest, ADeltaListIsNeededWhereOneIsNamed) {
  setup_.crl_urls = {server_.url("/whole")};
  setup_.delta_urls = {server_.url("/delta")};
  publish("/whole", make_list(ca_, {.number = 10}));
  restart();
  EXPECT_EQ(crl(good_), Answer::unknown);
  publish("/delta", make_list(ca_, {.revoked = {{&bad_}}, .number = 12, .base = 10}));
  restart();
  EXPECT_EQ(crl(good_), Answer::yes);
  EXPECT_EQ(crl(bad_), Answer::no);
  publish("/delta", make_list(ca_, {.revoked = {{&bad_}}, .number = 12, .base = 11}));
  std::filesystem::remove_all(directory_ + "/lists");
  restart();
  EXPECT_EQ(crl(good_), Answer::unknown);
  // Older than the whole list: that says all of it. But not if anybody else has signed it.
  const Party impostor = issue(anchor_spec());
  for (const auto& [signer, expected] : {std::pair<const Party*, Answer>(&ca_, Answer::yes), std::pair<const Party*, Answer>(&impostor, Answer::unknown)}) {
    publish("/delta", make_list(*signer, {.number = 9, .base = 8}));
    std::filesystem::remove_all(directory_ + "/lists");
    restart();
    EXPECT_EQ(crl(good_), expected);
  }
}

TEST_F(RevocationSourceTest, AResponderIsAskedOnceWhereTheConfigurationAllowsIt) {
  publish("/ocsp/ca", make_response(good_, ca_));
  EXPECT_EQ(ocsp(good_), Answer::unknown);
  EXPECT_EQ(ask(subject_of({&good_}), CheckKind::ocsp_if_known).answer, Answer::yes);
  EXPECT_EQ(server_.requests(), 0);
  setup_.aia = true;
  apply();
  EXPECT_EQ(ocsp(good_), Answer::yes);
  EXPECT_EQ(ocsp(good_), Answer::yes);
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_EQ(ocsp(bad_), Answer::unknown);  // the answer is for another certificate
  EXPECT_EQ(ask(subject_of({&bad_}), CheckKind::ocsp_if_known).answer, Answer::unknown);
  EXPECT_EQ(ocsp(silent_), Answer::unknown);
  EXPECT_EQ(ask(subject_of({&silent_}), CheckKind::ocsp_if_known).answer, Answer::yes);
}

TEST_F(RevocationSourceTest, AFreshAnswerIsAskedFor) {
  publish("/ocsp/ca", make_response(good_, ca_));
  setup_.aia = true;
  apply();
  EXPECT_EQ(ocsp(good_), Answer::yes);
  publish("/ocsp/ca", make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_REVOKED}));
  EXPECT_EQ(ocsp(good_), Answer::yes);
  auto fresh = std::make_shared<Subject>();
  const SubjectPtr usual = subject_of({&good_});
  fresh->query = usual->query;
  fresh->query.fresh = true;
  fresh->anchors = usual->anchors;
  fresh->now = usual->now;
  fresh->presented = trust::present(*usual->anchors, known_, fresh->query, fresh->now).value();
  EXPECT_EQ(ask(fresh, CheckKind::ocsp).answer, Answer::no);
  EXPECT_EQ(ocsp(good_), Answer::no);
}

TEST_F(RevocationSourceTest, TheConfiguredResponderComesFirst) {
  publish("/own", make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_REVOKED}));
  publish("/ocsp/ca", make_response(good_, ca_));
  setup_.aia = true;
  setup_.responders = {{"", server_.url("/nobody")}, {"CN=ca", server_.url("/own")}};
  apply();
  EXPECT_EQ(ocsp(good_), Answer::no);
  setup_.responders = {{"CN=another", server_.url("/own")}};
  restart();
  EXPECT_EQ(ocsp(good_), Answer::yes);
}

TEST_F(RevocationSourceTest, AnAnswerWithoutAStatementIsNone) {
  setup_.aia = true;
  for (const Bytes& response : {make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_UNKNOWN}), make_response(good_, ca_, {.from = day, .until = 2 * day}),
                                make_response(good_, ca_, {.from = -2 * day, .until = -day}), make_response(good_, ca_, {.signer = &bad_}), Bytes{}}) {
    publish("/ocsp/ca", response);
    restart();
    EXPECT_EQ(ocsp(good_), Answer::unknown);
  }
}

TEST_F(RevocationSourceTest, WhatIsStapledAnswersBoth) {
  const auto stapled = [&](const Bytes& response) { return ask(subject_of({&good_}, response), CheckKind::stapled).answer; };
  EXPECT_EQ(stapled(make_response(good_, ca_)), Answer::yes);
  EXPECT_EQ(stapled(make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_REVOKED})), Answer::no);
  EXPECT_EQ(stapled(make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_UNKNOWN})), Answer::no);
  EXPECT_EQ(stapled(make_response(bad_, ca_)), Answer::no);
  EXPECT_EQ(stapled(make_response(good_, ca_, {.from = -2 * day, .until = -day})), Answer::no);
  EXPECT_EQ(stapled({}), Answer::no);
  EXPECT_EQ(ask(subject_of({&good_}, make_response(good_, ca_)), CheckKind::ocsp).answer, Answer::yes);
  EXPECT_EQ(ask(subject_of({&good_}, make_response(good_, ca_, {.status = V_OCSP_CERTSTATUS_REVOKED})), CheckKind::ocsp).answer, Answer::no);
  EXPECT_EQ(server_.requests(), 0);
}

TEST_F(RevocationSourceTest, WithoutAPathNobodyMaySpeak) {
  const Party stranger = issue(ca_spec("stranger"));
  const Party leaf = issue(spec("ca"), &stranger);
  for (const CheckKind kind : {CheckKind::crl, CheckKind::crl_if_present, CheckKind::ocsp, CheckKind::ocsp_if_known, CheckKind::stapled}) {
    EXPECT_EQ(ask(subject_of({&leaf}), kind).answer, Answer::unknown);
  }
}

TEST_F(RevocationSourceTest, NobodyRevokesAnAnchor) {
  EXPECT_EQ(ask(subject_of({&ca_}), CheckKind::crl).answer, Answer::unknown);
  EXPECT_EQ(ask(subject_of({&ca_}), CheckKind::crl_if_present).answer, Answer::yes);
}

}  // namespace
}  // namespace tlspool::judge::revocation_source_tests
