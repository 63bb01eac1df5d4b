// SPDX-License-Identifier: Apache-2.0
#include "trust/pins.h"

#include <gtest/gtest.h>

#include <chrono>

#include "pki.h"
#include "trust/state_text.h"

namespace tlspool::trust {
namespace {

using Says = Pins::Says;

Bytes digest(std::uint8_t byte) { return Bytes(32, byte); }
wire::PinRow pin(std::string identity, std::uint8_t byte, std::string service = "", std::int64_t expires = 0) {
  return {std::move(identity), std::move(service), wire::PinOf::key, digest(byte), wire::PinOrigin::administrator, 1000, expires};
}
SeenLeaf key(std::uint8_t byte) { return {digest(byte), digest(0xff)}; }

TEST(Pins, NothingIsPinnedForWhoIsNotThere) {
  Pins pins;
  pins.add(pin("a.example", 1));
  EXPECT_EQ(pins.look("b.example", "", key(1), 2000).says, Says::nothing);
}

TEST(Pins, AnyOfSeveralWillDoAndNoOther) {
  Pins pins;
  pins.add(pin("a.example", 1));
  pins.add(pin("a.example", 2));
  EXPECT_EQ(pins.look("a.example", "smtp", key(1), 2000).says, Says::yes);
  EXPECT_EQ(pins.look("a.example", "", key(2), 2000).says, Says::yes);
  EXPECT_EQ(pins.look("a.example", "", key(3), 2000).says, Says::no);
  EXPECT_EQ(pins.size(), 2u);
}

TEST(Pins, OfACertificateIsNotOfItsKey) {
  Pins pins;
  wire::PinRow row = pin("a.example", 7);
  row.of = wire::PinOf::certificate;
  pins.add(row);
  EXPECT_EQ(pins.look("a.example", "", {digest(7), digest(8)}, 2000).says, Says::no);
  EXPECT_EQ(pins.look("a.example", "", {digest(8), digest(7)}, 2000).says, Says::yes);
  EXPECT_EQ(pins.look("a.example", "", {digest(7), {}}, 2000).says, Says::no);
}

TEST(Pins, ForAServiceCountForItAlone) {
  Pins pins;
  pins.add(pin("a.example", 1, "imap"));
  EXPECT_EQ(pins.look("a.example", "imap", key(1), 2000).says, Says::yes);
  EXPECT_EQ(pins.look("a.example", "imap", key(2), 2000).says, Says::no);
  EXPECT_EQ(pins.look("a.example", "smtp", key(1), 2000).says, Says::nothing);
  EXPECT_EQ(pins.look("a.example", "", key(1), 2000).says, Says::nothing);
}

TEST(Pins, ExpireAtTheirSecond) {
  Pins pins;
  pins.add(pin("a.example", 1, "", 2000));
  EXPECT_EQ(pins.look("a.example", "", key(1), 1999).says, Says::yes);
  EXPECT_EQ(pins.look("a.example", "", key(1), 2000).says, Says::nothing);
  wire::PinRow later = pin("a.example", 2);
  later.added = 3000;
  pins.add(later);  // takes its place
  EXPECT_EQ(pins.size(), 1u);
}

TEST(Pins, AddedAgainAreRenewed) {
  Pins pins;
  pins.add(pin("a.example", 1, "", 2000));
  pins.add(pin("a.example", 1, "", 9000));
  EXPECT_EQ(pins.size(), 1u);
  EXPECT_EQ(pins.look("a.example", "", key(1), 5000).says, Says::yes);
}

TEST(Pins, AreRemovedAllOrByDigestOrByService) {
  Pins pins;
  for (std::uint8_t byte : {1, 2}) {
    pins.add(pin("a.example", byte));
    pins.add(pin("a.example", byte, "imap"));
  }
  EXPECT_EQ(pins.remove("b.example", {}, std::nullopt), 0u);
  EXPECT_EQ(pins.remove("a.example", digest(1), "imap"), 1u);
  EXPECT_EQ(pins.remove("a.example", digest(2), std::nullopt), 2u);
  EXPECT_EQ(pins.remove("a.example", {}, std::nullopt), 1u);
  EXPECT_EQ(pins.size(), 0u);
  EXPECT_EQ(pins.look("a.example", "", key(1), 2000).says, Says::nothing);
}

TEST(Pins, AChangeIsNewsOnce) {
  Pins pins;
  pins.add(pin("a.example", 1));
  const auto found = pins.look("a.example", "smtp", key(2), 2000);
  EXPECT_TRUE(pins.note_change("a.example", "smtp", *found.pin, digest(2), 2000));
  EXPECT_FALSE(pins.note_change("a.example", "smtp", *found.pin, digest(2), 2001));
  EXPECT_TRUE(pins.note_change("a.example", "smtp", *found.pin, digest(3), 2002));
  ASSERT_EQ(pins.changes().size(), 1u);
  const wire::PinChange change = pins.changes().front();
  EXPECT_EQ(change.times, 3u);
  EXPECT_EQ(change.shown, digest(3));
  EXPECT_EQ(change.pinned, digest(1));
  EXPECT_EQ(change.first, 2000);
  EXPECT_EQ(change.last, 2002);
  pins.add(pin("a.example", 3));
  EXPECT_TRUE(pins.changes().empty());
}

TEST(Pins, ComeBackFromTheirText) {
  Pins pins;
  pins.add(pin("a.example", 1, "with blank and %\n"));
  pins.add(pin("joe@a.example", 2, "-", 5000));
  pins.add(pin("spiffe://a.example/b", 3));
  const auto found = pins.look("a.example", "with blank and %\n", key(9), 2000);
  pins.note_change("a.example", "imap", *found.pin, digest(9), 2000);
  const auto again = Pins::parse(pins.text(), "pins");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->size(), 3u);
  EXPECT_EQ(again->look("a.example", "with blank and %\n", key(1), 2000).says, Says::yes);
  EXPECT_EQ(again->look("joe@a.example", "-", key(2), 4999).says, Says::yes);
  EXPECT_EQ(again->look("joe@a.example", "-", key(2), 5000).says, Says::nothing);
  EXPECT_EQ(again->changes().size(), 1u);
  EXPECT_EQ(Pins::parse(Pins{}.text(), "pins")->size(), 0u);
}

std::string text_with(const std::string& row) { return "tlspool pins 1\n" + row + "\nend 1\n"; }

TEST(Pins, ATextThatIsBrokenIsRefusedWithItsLine) {
  const std::string good = "pin a.example - key " + std::string(64, 'a') + " hand 1000 0";
  ASSERT_TRUE(Pins::parse(text_with(good), "pins"));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string row = good;
    return text_with(row.replace(row.find(from), from.size(), to));
  };
  for (const std::string& text :
       {std::string(), std::string("tlspool pins 2\nend 0\n"), std::string("tlspool pins 1\n"), std::string("tlspool pins 1\nend 0"),
        std::string("tlspool pins 1\nend 1\n"), std::string("tlspool pins 1\nend 0\n\n"), "tlspool pins 1\n" + good + "\n" + good + "\nend 2\n",
        with("a.example", "A.example"), with("a.example", "%zz"), with("a.example", "a..b"), with(" - ", "  "), with("key", "keys"), with("hand", "foot"),
        with("1000", "01000"), with("1000", "-1"), with("1000", "99999999999999999999"), with("aaaa", "aaAA"), with("aaaa", "aa"), with("pin", "pan"),
        with("pin", "pin\t"), with(" 0", " 0 0"), text_with("changed a.example - " + std::string(64, 'a') + " " + std::string(64, 'b') + " 1 2 3")}) {
    const auto read = Pins::parse(text, "dir/pins");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::config);
    EXPECT_EQ(read.error().subject.rfind("dir/pins:", 0), 0u) << read.error().text();
  }
}

TEST(Pins, OfALeafAreOfItsKeyAndOfItself) {
  test::Spec spec;
  const test::Party one = test::issue(spec);
  const test::Party two = test::issue(spec);  // the same key
  EXPECT_EQ(seen_leaf(one.certificate.get()).key, seen_leaf(two.certificate.get()).key);
  EXPECT_NE(seen_leaf(one.certificate.get()).certificate, seen_leaf(two.certificate.get()).certificate);
}

TEST(Pins, AHundredThousandAreFoundAsFastAsOne) {
  const auto cost = [](const Pins& pins, const std::string& name) {
    const auto begun = std::chrono::steady_clock::now();
    std::size_t found = 0;
    for (int i = 0; i < 20000; ++i) found += pins.look(name, "smtp", key(1), 2000).says == Says::yes ? 1 : 0;
    EXPECT_EQ(found, 20000u);
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count() / 20000;
  };
  Pins few;
  few.add(pin("host-0.example", 1));
  Pins many;
  for (int i = 0; i < 100000; ++i) many.add(pin("host-" + std::to_string(i) + ".example", 1));
  RecordProperty("one_us", std::to_string(cost(few, "host-0.example")));
  RecordProperty("many_us", std::to_string(cost(many, "host-99999.example")));
  const auto again = Pins::parse(many.text(), "pins");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), 100000u);
}

}  // namespace
}  // namespace tlspool::trust
