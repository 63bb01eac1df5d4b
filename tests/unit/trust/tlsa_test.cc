// SPDX-License-Identifier: Apache-2.0
#include "trust/tlsa.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "pki.h"

namespace tlspool::trust {
namespace {

using namespace tlspool::test;

Bytes with(std::initializer_list<int> head, Bytes data) {
  Bytes out(head.begin(), head.end());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

TEST(Tlsa, UnusableRecordsAreToldApart) {
  const Bytes der = issue(Spec{}).der();
  Bytes longer = der;
  longer.push_back(0);
  const struct {
    Bytes rdata;
    const char* says;  // "": usable
  } cases[] = {
      {{}, "0 bytes"},
      {{3, 1, 1}, "3 bytes"},
      {with({4, 1, 1}, Bytes(32)), "usage 4"},
      {with({255, 1, 1}, Bytes(32)), "usage 255"},
      {with({3, 2, 1}, Bytes(32)), "selector 2"},
      {with({3, 1, 3}, Bytes(32)), "matching type 3"},
      {with({3, 1, 1}, Bytes(31)), "32 bytes, not 31"},
      {with({3, 1, 1}, Bytes(33)), "32 bytes, not 33"},
      {with({3, 1, 2}, Bytes(32)), "64 bytes, not 32"},
      {with({3, 1, 2}, Bytes(65)), "64 bytes, not 65"},
      {with({2, 0, 0}, Bytes(100)), "no certificate"},
      {with({2, 0, 0}, longer), "no certificate"},
      {with({2, 1, 0}, der), "no public key"},
      {with({2, 1, 0}, Bytes(10)), "no public key"},
      {with({0, 0, 1}, Bytes(32)), ""},
      {with({1, 1, 2}, Bytes(64)), ""},
      {with({2, 0, 0}, der), ""},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_tlsa(c.rdata);
    EXPECT_EQ(parsed.has_value(), c.says[0] == '\0') << hex(c.rdata).substr(0, 20);
    if (parsed) {
      EXPECT_EQ(rdata_of(*parsed), c.rdata);
    } else {
      EXPECT_EQ(parsed.error().code, Code::invalid);
      EXPECT_NE(parsed.error().reason.find(c.says), std::string::npos) << parsed.error().reason;
    }
  }
}

TEST(Tlsa, WhatIsMadeIsReadAgainAndIsAboutItsCertificate) {
  for (const Key& key : {p256(), rsa(2048), ed25519()}) {
    Spec s;
    s.key = key;
    const Party party = issue(s);
    const Party renewed = issue(s);
    const Party other = issue(Spec{});
    for (int u = 0; u < 4; ++u) {
      for (int sel = 0; sel < 2; ++sel) {
        for (int m = 0; m < 3; ++m) {
          const auto made = make_tlsa(party.certificate.get(), TlsaUsage(u), TlsaSelector(sel), TlsaMatching(m));
          ASSERT_TRUE(made);
          const auto again = parse_tlsa(rdata_of(*made));
          ASSERT_TRUE(again);
          EXPECT_EQ(*again, *made);
          EXPECT_TRUE(is_about(*made, party.certificate.get()));
          EXPECT_EQ(is_about(*made, renewed.certificate.get()), sel == 1) << "a renewed certificate keeps its key";
          EXPECT_FALSE(is_about(*made, other.certificate.get()));
        }
      }
    }
  }
}

TEST(Tlsa, TheKeysDigestIsTheOneThatPinsHave) {
  const Party party = issue(Spec{});
  const auto made = make_tlsa(party.certificate.get(), TlsaUsage::dane_ee, TlsaSelector::public_key, TlsaMatching::sha256);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->data, tls::spki_digest(party.certificate.get()));
}

TEST(Tlsa, LinesOfAZoneFile) {
  const Tlsa record{TlsaUsage::dane_ee, TlsaSelector::public_key, TlsaMatching::sha256, Bytes(32, 0xab)};
  const auto owner = tlsa_owner("WWW.example.", 443, TlsaTransport::tcp);
  ASSERT_TRUE(owner);
  EXPECT_EQ(zone_line(*owner, record), "_443._tcp.www.example. IN TLSA 3 1 1 " + hex(Bytes(32, 0xab)));
  EXPECT_EQ(*tlsa_owner("a.example", 853, TlsaTransport::udp), "_853._udp.a.example.");
  EXPECT_EQ(*tlsa_owner("a.example", 1, TlsaTransport::sctp), "_1._sctp.a.example.");
  for (const char* name : {"", "192.0.2.1", "2001:db8::1", "two words", "joe@a.example"}) {
    EXPECT_FALSE(tlsa_owner(name, 443, TlsaTransport::tcp)) << name;
  }
}

TEST(Tlsa, OwnerNamesOfClients) {
  EXPECT_EQ(*client_tlsa_owner("Device.example", ""), "device.example.");
  EXPECT_EQ(*client_tlsa_owner("device.example", "SMTP-client"), "_smtp-client.device.example.");
  EXPECT_EQ(*client_tlsa_owner("device.example", "_imap"), "_imap.device.example.");
  EXPECT_EQ(*client_tlsa_owner("sensor7._device.example", ""), "sensor7._device.example.");
  for (const char* service : {"two words", "a.b", "."}) EXPECT_FALSE(client_tlsa_owner("device.example", service)) << service;
  EXPECT_FALSE(client_tlsa_owner("joe@device.example", ""));
}

}  // namespace
}  // namespace tlspool::trust
