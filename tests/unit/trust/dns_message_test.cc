// SPDX-License-Identifier: Apache-2.0
#include "trust/dns_message.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace tlspool::trust {
namespace {

using Names = std::vector<std::string>;

/// Builds a response; the question is for "a.example", at offset 12.
class Response {
 public:
  explicit Response(DnsType type, int rcode = 0) : rcode_(rcode) { name("a.example").number(static_cast<int>(type)).number(1); }
  Response& number(int value) {
    body_.push_back(static_cast<std::uint8_t>(value >> 8));
    body_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Response& raw(const Bytes& bytes) {
    body_.insert(body_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Response& name(const std::string& text) { return raw(wire(text)); }
  static Bytes wire(const std::string& text) {
    Bytes out;
    for (const std::string& label : split(text, '.')) {
      if (label.empty()) continue;
      out.push_back(static_cast<std::uint8_t>(label.size()));
      out.insert(out.end(), label.begin(), label.end());
    }
    out.push_back(0);
    return out;
  }
  Response& record(const std::string& owner, int type, const Bytes& rdata, int ttl = 300) {
    ++(in_authority_ ? authorities_ : answers_);
    return name(owner).number(type).number(1).number(0).number(ttl).number(static_cast<int>(rdata.size())).raw(rdata);
  }
  Response& authority() {
    in_authority_ = true;
    return *this;
  }
  [[nodiscard]] Bytes bytes() const {
    Bytes out = {0, 1, 0x81, static_cast<std::uint8_t>(0x80 | rcode_), 0, 1, 0, static_cast<std::uint8_t>(answers_),
                 0, static_cast<std::uint8_t>(authorities_), 0, 0};
    out.insert(out.end(), body_.begin(), body_.end());
    return out;
  }
  [[nodiscard]] Result<DnsMessage> read(DnsType type) const { return read_dns_message(bytes(), "A.Example.", type); }

 private:
  int rcode_;
  int answers_ = 0;
  int authorities_ = 0;
  bool in_authority_ = false;
  Bytes body_;
};

Bytes soa(int minimum) {
  Bytes out = Response::wire("ns.example");
  const Bytes who = Response::wire("hostmaster.example");
  out.insert(out.end(), who.begin(), who.end());
  out.resize(out.size() + 16);
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(minimum >> shift));
  return out;
}

TEST(DnsMessage, RecordsOfTheNameAlone) {
  const auto read = Response(DnsType::tlsa).record("a.example", 52, {3, 1, 1, 9}, 100).record("B.example", 52, {1}).record("A.EXAMPLE", 52, {2}, 50)
                        .record("a.example", 46, Bytes(30)).read(DnsType::tlsa);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->records, (std::vector<Bytes>{{3, 1, 1, 9}, {2}}));
  EXPECT_EQ(read->name, "a.example");
  EXPECT_EQ(read->ttl, 50U);
  EXPECT_TRUE(read->aliases.empty());
}

TEST(DnsMessage, AliasesAreFollowedWhateverTheirOrder) {
  const auto read = Response(DnsType::a).record("c.example", 1, {192, 0, 2, 1}).record("b.example", 5, Response::wire("c.example"), 20)
                        .record("a.example", 5, Response::wire("b.example")).read(DnsType::a);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->aliases, (Names{"a.example", "b.example"}));
  EXPECT_EQ(read->name, "c.example");
  EXPECT_EQ(read->records.size(), 1U);
  EXPECT_EQ(read->ttl, 20U);
  const auto asked = Response(DnsType::cname).record("a.example", 5, Response::wire("b.example")).read(DnsType::cname);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->targets, (std::vector<DnsTarget>{{0, 0, 0, "b.example"}})) << "an alias that was asked for is an answer";
}

TEST(DnsMessage, EndlessAliasesAreRefused) {
  const auto loop = Response(DnsType::a).record("a.example", 5, Response::wire("b.example")).record("b.example", 5, Response::wire("a.example")).read(DnsType::a);
  ASSERT_FALSE(loop);
  EXPECT_EQ(loop.error().code, Code::protocol);
  for (const std::size_t count : {max_aliases, max_aliases + 1}) {
    Response response(DnsType::a);
    std::string from = "a.example";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string to = "n" + std::to_string(i) + ".example";
      response.record(from, 5, Response::wire(to));
      from = to;
    }
    EXPECT_EQ(response.read(DnsType::a).has_value(), count == max_aliases);
  }
}

TEST(DnsMessage, TargetsOfMailAndServices) {
  Bytes mx = {0, 10};
  const Bytes to = Response::wire("Mail.example");
  mx.insert(mx.end(), to.begin(), to.end());
  const auto mail = Response(DnsType::mx).record("a.example", 15, mx).record("a.example", 15, {0, 20, 0}).read(DnsType::mx);
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->targets, (std::vector<DnsTarget>{{10, 0, 0, "mail.example"}, {20, 0, 0, ""}}));
  Bytes srv = {0, 1, 0, 2, 0, 143};
  srv.insert(srv.end(), to.begin(), to.end());
  const auto service = Response(DnsType::srv).record("a.example", 33, srv).read(DnsType::srv);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->targets, (std::vector<DnsTarget>{{1, 2, 143, "mail.example"}}));
  srv.push_back(0);
  EXPECT_FALSE(Response(DnsType::srv).record("a.example", 33, srv).read(DnsType::srv)) << "bytes behind the name";
  EXPECT_FALSE(Response(DnsType::mx).record("a.example", 15, {0}).read(DnsType::mx));
}

TEST(DnsMessage, AbsenceLastsAsTheZoneSays) {
  const auto read = Response(DnsType::tlsa, 3).authority().record("example", 6, soa(40), 300).read(DnsType::tlsa);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rcode, 3);
  EXPECT_EQ(read->ttl, 40U);
  const auto shorter = Response(DnsType::tlsa).authority().record("example", 6, soa(4000), 300).read(DnsType::tlsa);
  EXPECT_EQ(shorter->ttl, 300U);
  EXPECT_EQ(Response(DnsType::tlsa).read(DnsType::tlsa)->ttl, 0U) << "nothing says how long";
}

TEST(DnsMessage, EveryCutIsRefusedOrLacksRecords) {
  const Bytes whole = Response(DnsType::tlsa).record("a.example", 52, {3, 1, 1, 9}).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_dns_message(ByteView(whole).first(size), "a.example", DnsType::tlsa)) << size;
  }
}

TEST(DnsMessage, NamesThatPointForwardsOrAtThemselvesAreRefused) {
  for (const int target : {11 + 11 + 6, 400}) {  // the record's own owner; beyond the end
    Response response(DnsType::a);
    Bytes bytes = response.bytes();
    bytes[7] = 1;
    const Bytes record = {static_cast<std::uint8_t>(0xc0 | target >> 8), static_cast<std::uint8_t>(target), 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    bytes.insert(bytes.end(), record.begin(), record.end());
    EXPECT_FALSE(read_dns_message(bytes, "a.example", DnsType::a)) << target;
  }
}

TEST(DnsMessage, BytesThatNoHostNameHasAreSpelledOut) {
  Bytes odd = {3, 'x', '.', 0x07, 1, '\\', 0};
  const auto read = Response(DnsType::cname).record("a.example", 5, odd).read(DnsType::cname);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->targets.front().name, "x\\046\\007.\\092");
}

TEST(DnsMessage, AddressesOfAWrongLengthAreRefused) {
  EXPECT_FALSE(Response(DnsType::a).record("a.example", 1, Bytes(3)).read(DnsType::a));
  EXPECT_FALSE(Response(DnsType::aaaa).record("a.example", 28, Bytes(4)).read(DnsType::aaaa));
  EXPECT_TRUE(Response(DnsType::aaaa).record("a.example", 28, Bytes(16)).read(DnsType::aaaa));
}

}  // namespace
}  // namespace tlspool::trust
