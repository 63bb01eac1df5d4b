// SPDX-License-Identifier: Apache-2.0
#include "trust/expression_explain.h"

#include <gtest/gtest.h>

namespace tlspool::trust {
namespace {

std::string explained(const std::string& text, const Answers& answers, const std::vector<std::string>& reasons = {}) {
  const auto e = parse_expression(text);
  return e ? render(explain(*e, answers, reasons)) : e.error().reason;
}

TEST(Explain, IsATreeWithWhatEachPartCameTo) {
  EXPECT_EQ(explained("(chain and name) or pin", {Answer::yes, Answer::yes}, {"leads to CN=Root", "web.example"}),
            "yes        (chain and name) or pin\n"
            "yes          chain and name\n"
            "yes            chain: leads to CN=Root\n"
            "yes            name: web.example\n"
            "not asked    pin\n");
}

TEST(Explain, TellsNoFromNoAnswer) {
  EXPECT_EQ(explained("not dane and (crl or ocsp)", {Answer::unknown, Answer::no, Answer::pending}, {"the name server is silent"}),
            "no answer  not dane and (crl or ocsp)\n"
            "no answer    not dane\n"
            "no answer      dane: the name server is silent\n"
            "open         crl or ocsp\n"
            "no             crl\n"
            "not asked      ocsp\n");
}

TEST(Explain, OpenIsWhatMayStillHelpWhereItStands) {
  EXPECT_EQ(explained("not (dane and pin)", {Answer::unknown, Answer::pending}),
            "open       not (dane and pin)\n"
            "open         dane and pin\n"
            "no answer      dane\n"
            "not asked      pin\n");
}

TEST(Explain, NamesTheBranchesOfAnIf) {
  EXPECT_EQ(explained("if local-role(client) then chain else pin", {Answer::yes, Answer::no}),
            "no         if local-role(client) then chain else pin\n"
            "yes          if local-role(client)\n"
            "no           then chain\n"
            "not asked    else pin\n");
}

TEST(Explain, IsSafeOnATerminal) {
  EXPECT_EQ(explained("name", {Answer::no}, {"a\x1b[2J\nb"}), "no         name: a\\x1b[2J\\x0ab\n");
}

}  // namespace
}  // namespace tlspool::trust
