// SPDX-License-Identifier: Apache-2.0
#include "trust/shared_dns.h"

#include <gtest/gtest.h>

#include "fake_dns.h"

namespace tlspool::trust {
namespace {

using test::FakeDns;

struct Shared {
  FakeDns* fake = new FakeDns;
  std::unique_ptr<SharedDns> dns = std::make_unique<SharedDns>(std::unique_ptr<Dns>(fake));
  int told = 0;
  Dns::Question ask(const std::string& name, DnsType type = DnsType::a) {
    return dns->ask(name, type, [this](const DnsAnswer&) { ++told; });
  }
};

TEST(SharedDns, OneQuestionForAllWhoWaitForTheSame) {
  Shared s;
  for (int i = 0; i < 1000; ++i) s.ask(i % 2 == 0 ? "www.example" : "WWW.example.");
  s.ask("www.example", DnsType::tlsa);
  s.ask("other.example");
  EXPECT_EQ(s.fake->asked.size(), 3U);
  s.fake->answer_all();
  EXPECT_EQ(s.told, 1002);
  EXPECT_EQ(s.dns->outstanding(), 0U);
  s.ask("www.example");
  EXPECT_EQ(s.fake->asked.size(), 4U);
}

TEST(SharedDns, TheQuestionEndsWithTheLastWhoWaited) {
  Shared s;
  const auto first = s.ask("www.example");
  const auto second = s.ask("www.example");
  s.dns->cancel(first);
  s.dns->cancel(first);
  EXPECT_EQ(s.fake->waiting(), 1U);
  s.dns->cancel(second);
  EXPECT_EQ(s.fake->waiting(), 0U);
  s.fake->answer_all();
  EXPECT_EQ(s.told, 0);
}

TEST(SharedDns, WhoIsToldMayCancelOthersAndAskAgain) {
  Shared s;
  Dns::Question later = 0;
  Dns::Question again = 0;
  s.dns->ask("www.example", DnsType::a, [&](const DnsAnswer&) {
    again = s.ask("www.example");
    s.dns->cancel(later);
  });
  later = s.ask("www.example");
  s.fake->answer_all();
  EXPECT_EQ(s.told, 1) << "only who asked again";
  EXPECT_NE(again, 0U);
  EXPECT_EQ(s.fake->asked.size(), 2U);
}

TEST(SharedDns, WhoIsToldMayEndIt) {
  Shared s;
  auto keep = std::make_unique<FakeDns>();
  // The one below must live on here: answer_all() is still in it.
  struct Through : Dns {
    FakeDns& to;
    explicit Through(FakeDns& dns) : to(dns) {}
    Question ask(const std::string& name, DnsType type, OnAnswer on_answer) override { return to.ask(name, type, std::move(on_answer)); }
    void cancel(Question question) override { to.cancel(question); }
  };
  s.dns = std::make_unique<SharedDns>(std::make_unique<Through>(*keep));
  s.dns->ask("www.example", DnsType::a, [&](const DnsAnswer&) { s.dns.reset(); });
  s.ask("www.example");
  s.ask("other.example");
  keep->answer_all();
  EXPECT_EQ(s.told, 0);
}

}  // namespace
}  // namespace tlspool::trust
