// SPDX-License-Identifier: Apache-2.0
#include "trust/names.h"

#include <gtest/gtest.h>

#include "pki.h"
#include "trust/chain.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;

Status check(const std::string& san, const std::string& expected, const std::string& cn = "leaf") {
  Spec s;
  s.cn = cn;
  s.san = san;
  return check_name(issue(s).certificate.get(), expected);
}

TEST(Names, HostMatchesWithoutCaseAndWithAFinalDot) {
  EXPECT_TRUE(check("DNS:Web.Example", "web.example"));
  EXPECT_TRUE(check("DNS:web.example", "WEB.example."));
  EXPECT_FALSE(check("DNS:web.example", "example"));
  EXPECT_FALSE(check("DNS:web.example", "a.web.example"));
}

TEST(Names, WildcardIsOneWholeLeftmostLabel) {
  EXPECT_TRUE(check("DNS:*.web.example", "a.web.example"));
  EXPECT_FALSE(check("DNS:*.web.example", "web.example"));
  EXPECT_FALSE(check("DNS:*.web.example", "a.b.web.example"));
  EXPECT_FALSE(check("DNS:a*.web.example", "ab.web.example"));
  EXPECT_FALSE(check("DNS:*a.web.example", "ba.web.example"));
  EXPECT_FALSE(check("DNS:a.*.example", "a.web.example"));
  EXPECT_FALSE(check("DNS:*", "example"));
  EXPECT_FALSE(check("DNS:*.example", "web.example"));
}

TEST(Names, SubjectNeverCounts) {
  EXPECT_FALSE(check("", "web.example", "web.example"));
  EXPECT_FALSE(check("IP:127.0.0.1", "web.example", "web.example"));
  EXPECT_FALSE(check("", "joe@web.example", "joe@web.example"));
}

TEST(Names, AddressesMatchAddressesOnly) {
  EXPECT_TRUE(check("IP:127.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(check("IP:::1", "0:0:0:0:0:0:0:1"));
  EXPECT_FALSE(check("DNS:127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(check("IP:127.0.0.1", "127.0.0.2"));
}

TEST(Names, UserAtDomainMatchesMailNamesOnly) {
  EXPECT_TRUE(check("email:joe@web.example", "joe@WEB.example"));
  EXPECT_FALSE(check("email:joe@web.example", "Joe@web.example"));
  EXPECT_FALSE(check("email:joe@web.example", "web.example"));
  EXPECT_FALSE(check("DNS:web.example", "joe@web.example"));
}

TEST(Names, InternationalNamesMatchAsALabels) {
  EXPECT_TRUE(check("DNS:xn--bcher-kva.example", "b\xc3\xbc" "cher.example"));
  EXPECT_TRUE(check("DNS:xn--bcher-kva.example", "B\xc3\x9c" "CHER.example"));
}

TEST(Names, WhatIsNoNameIsRefused) {
  for (const char* no : {".web.example", "*.web.example", "", "..", "@", "web example"}) {
    EXPECT_FALSE(check("DNS:a.web.example", no)) << no;
  }
}

TEST(Names, RefusalListsWhatTheCertificateHas) {
  const auto refused = check("DNS:a.example,DNS:*.b.example,IP:10.0.0.1", "web.example");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason,
            "the peer's certificate CN=leaf is for a.example, *.b.example, 10.0.0.1, not for web.example");
}

TEST(Names, LongListIsCut) {
  EXPECT_EQ(names_text({}), "no name at all");
  EXPECT_EQ(names_text(std::vector<std::string>(10, "a")), "a, a, a, a, a, a, a, a and 2 more");
}

TEST(Names, WithoutExpectationTheFirstNameIsProvedAndNoNameIsRefused) {
  const Party ca = issue(ca_spec("Root"));
  Anchors anchors;
  ASSERT_TRUE(anchors.add_pem(ca.pem(), "ca"));
  Spec s;
  s.cn = "joe";
  const auto ask = [&] {
    return judge_chain(anchors, {false, "", {issue(s, &ca).der()}, ""}, std::time(nullptr));
  };
  const auto nobody = ask();
  EXPECT_FALSE(nobody.accepted);
  EXPECT_EQ(nobody.check, "name");
  s.san = "email:joe@web.example,DNS:web.example";
  EXPECT_EQ(ask().identity, "joe@web.example");
}

TEST(Names, NameOfOneTypeThatReadsLikeAnotherIsNotListed) {
  Spec s;
  s.san = "DNS:alice@bank.example,DNS:web.example,email:joe";
  EXPECT_EQ(tls::alternative_names(issue(s).certificate.get()), std::vector<std::string>{"web.example"});
}

}  // namespace
}  // namespace tlspool::trust
