// SPDX-License-Identifier: Apache-2.0
#include "judge/own_staples.h"

#include <gtest/gtest.h>

#include <ctime>
#include <map>

#include "../turn_until.h"
#include "../temporary_directory.h"
#include "../trust/revocation_pki.h"
#include "http_server.h"

namespace tlspool::judge::own_staples_tests {
namespace {

using namespace tlspool::test;

class OwnStaplesTest : public testing::Test {
 protected:
  const test::TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();

  OwnStaplesTest() {
    Spec s;
    s.more = {{NID_info_access, "OCSP;URI:" + server_.url("/ocsp")}};
    leaf_ = issue(s, &ca_);
    restart();
  }
  ~OwnStaplesTest() override {
    staples_.reset();
    responders_.reset();
  }
  void restart() {
    staples_.reset();
    responders_ = std::make_unique<Responders>(loop_);
    responders_->set({});
    staples_ = std::make_unique<OwnStaples>(loop_, *responders_, directory_, [this](const wire::Staple& staple) { got_.push_back(staple); });
    staples_->set(true, nullptr);
    got_.clear();
  }
  void own(std::vector<Bytes> chain) { staples_->set(wire::OwnCertificates{{{"a.example", std::move(chain)}}}); }
  template <class Condition>
  void until(Condition happened) {
    EXPECT_TRUE(test::turn_until(loop_, happened));
  }
  void say(Bytes response) {
    const std::lock_guard lock(mutex_);
    response_ = std::move(response);
  }

  Loop loop_;
  std::mutex mutex_;
  Bytes response_;
  HttpServer server_{[this](const std::string&) {
    const std::lock_guard lock(mutex_);
    return HttpServer::Answer{HttpServer::reply(std::string(text_of(response_)))};
  }};
  Party ca_ = issue(ca_spec("ca"));
  Party leaf_;
  std::vector<wire::Staple> got_;
  std::unique_ptr<Responders> responders_;
  std::unique_ptr<OwnStaples> staples_;
};

TEST_F(OwnStaplesTest, FetchesAndKeepsThem) {
  say(make_response(leaf_, ca_));
  own({leaf_.der(), ca_.der()});
  until([&] { return !got_.empty(); });
  EXPECT_EQ(got_[0].response, response_);
  EXPECT_GT(got_[0].valid_until, std::time(nullptr));
  EXPECT_EQ(server_.requests(), 1);
  own({leaf_.der(), ca_.der()});  // unchanged
  EXPECT_EQ(got_.size(), 1u);
  restart();
  own({leaf_.der(), ca_.der()});
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_EQ(got_[0].response, response_);
  EXPECT_EQ(server_.requests(), 1);
}

TEST_F(OwnStaplesTest, WhatIsNoLongerOursIsTakenBack) {
  say(make_response(leaf_, ca_));
  own({leaf_.der(), ca_.der()});
  until([&] { return !got_.empty(); });
  staples_->set(wire::OwnCertificates{});
  ASSERT_EQ(got_.size(), 2u);
  EXPECT_EQ(got_[1].leaf, got_[0].leaf);
  EXPECT_TRUE(got_[1].response.empty());
}

TEST_F(OwnStaplesTest, OnlyGoodResponsesAreStapled) {
  const Party stranger = issue(ca_spec("stranger"));
  for (const Bytes& response : {make_response(leaf_, ca_, {.status = V_OCSP_CERTSTATUS_REVOKED}), make_response(leaf_, ca_, {.from = -2 * day, .until = -day}),
                                make_response(leaf_, ca_, {.signer = &stranger}), Bytes{}}) {
    say(response);
    restart();
    const int before = server_.requests();
    own({leaf_.der(), ca_.der()});
    until([&] { return server_.requests() > before; });
    for (int i = 0; i < 20; ++i) loop_.turn(std::chrono::milliseconds{5});
    EXPECT_TRUE(got_.empty());
  }
}

TEST_F(OwnStaplesTest, NobodyIsAskedWithoutAnIssuerOrAResponder) {
  own({leaf_.der()});
  own({ca_.der()});
  const Party stranger = issue(ca_spec("ca"));
  own({leaf_.der(), stranger.der()});
  for (int i = 0; i < 20; ++i) loop_.turn(std::chrono::milliseconds{5});
  EXPECT_EQ(server_.requests(), 0);
}

}  // namespace
}  // namespace tlspool::judge::own_staples_tests
