// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/identity.h"

#include "../vectors.h"

namespace tlspool::sharedkey {
namespace {

using wire::IdentityForm;
using wire::IdForm;

constexpr std::pair<const char*, IdForm> forms[] = {
    {"number", IdForm::number}, {"brief", IdForm::brief}, {"uuid", IdForm::uuid}, {"text", IdForm::text}};

Bytes identity_of(const wire::Value& entry) {
  return entry.find("text") != nullptr ? copy_of(view(entry.text("text"))) : bytes_of(entry, "hex");
}

Bytes number(std::uint64_t value) {
  Bytes out(8);
  for (int i = 0; i < 8; ++i) out[7 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  return out;
}

TEST(Identity, VectorsParseOrAreRefusedForTheReasonTheyName) {
  for (const auto& entry : cases_of("psk_identity/identities.json")) {
    SCOPED_TRACE(entry.text("why"));
    const Bytes bytes = identity_of(entry);
    const auto parsed = parse_identity(bytes, static_cast<std::size_t>(entry.number("longest")));
    const std::string refused = entry.text("refused");
    if (!refused.empty()) {
      ASSERT_FALSE(parsed);
      EXPECT_EQ(parsed.error().code, Code::invalid);
      EXPECT_EQ(parsed.error().reason, refused);
      EXPECT_EQ(looks_like_identity(bytes), entry.flag("looks"));
      EXPECT_EQ(printable(parsed.error().subject, 10000), parsed.error().subject);
      continue;
    }
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_TRUE(looks_like_identity(bytes));
    EXPECT_EQ(hex(view(parsed->object)), entry.text("object"));
    EXPECT_EQ(hex(view(parsed->id)), entry.text("id"));
    EXPECT_EQ(parsed->raw_id, entry.flag("raw"));
    EXPECT_EQ(parsed->derived, entry.flag("derived"));
    for (const auto& [name, form] : forms) {
      const wire::Value* expected = entry.find("ids")->find(name);
      if (expected == nullptr) continue;
      const auto id = id_of(form, *parsed);
      EXPECT_EQ(id ? hex(*id) : "", *expected->string()) << name;
    }
  }
}

TEST(Identity, EveryFormIsReadBackAsTheSameKey) {
  const std::pair<IdForm, Bytes> ids[] = {{IdForm::number, number(5678)},
                                          {IdForm::number, number(~0ull)},
                                          {IdForm::brief, {0x16, 0x2e}},
                                          {IdForm::uuid, Bytes(16, 0xA5)},
                                          {IdForm::text, copy_of(view("key-no.1/a;b%"))}};
  for (const auto form : {IdentityForm::pkcs, IdentityForm::cqptoolkit, IdentityForm::pkcs11}) {
    for (const auto& [id_form, id] : ids) {
      for (const bool derived : {false, true}) {
        const std::string text = write_identity(form, id_form, "[2001:db8::1]:7000/a;b=c?d", id, derived);
        const auto parsed = parse_identity(view(text), 256);
        ASSERT_TRUE(parsed) << parsed.error().text();
        EXPECT_EQ(parsed->object, "[2001:db8::1]:7000/a;b=c?d");
        EXPECT_EQ(parsed->derived, derived);
        const auto again = id_of(id_form, *parsed);
        ASSERT_TRUE(again) << text;
        EXPECT_EQ(*again, id) << text;
      }
    }
  }
}

TEST(Identity, IsWrittenAsTheDocumentCqptoolkitAndRfc7512Do) {
  EXPECT_EQ(write_identity(IdentityForm::pkcs, IdForm::number, "hsm.isp.net", number(5678), false), "pkcs:object=hsm.isp.net;id=5678");
  EXPECT_EQ(write_identity(IdentityForm::cqptoolkit, IdForm::number, "hsm.isp.net", number(5678), false),
            "pkcs:object=hsm.isp.net?id=5678");
  EXPECT_EQ(write_identity(IdentityForm::pkcs11, IdForm::brief, "hsm.isp.net", Bytes{0x16, 0x2e}, false),
            "pkcs11:object=hsm.isp.net;id=%16%2e");
  EXPECT_EQ(write_identity(IdentityForm::pkcs, IdForm::number, "a", number(1), true), "pkcs:object=a;id=1;derived=hmac-sha256");
}

TEST(KeyId, TextForPeopleReadsBack) {
  for (const auto& [form, text] : {std::pair{IdForm::number, "18446744073709551615"}, {IdForm::number, "0"}, {IdForm::brief, "65535"},
                                   {IdForm::uuid, "550e8400-e29b-41d4-a716-446655440000"}, {IdForm::text, "key#1"}}) {
    const auto id = id_from_text(form, text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id_text(form, *id), text);
  }
}

TEST(KeyId, TextIsPrintableWhateverTheBytesAre) {
  for (const auto& [name, form] : forms) {
    EXPECT_EQ(id_text(form, Bytes{0x00, 0xff, 0x0a}), "0x00ff0a") << name;
    EXPECT_EQ(id_text(form, {}), "0x") << name;
  }
}

TEST(KeyId, ErrorsNameTheIdAndWhatIsWrong) {
  const auto id = id_from_text(IdForm::brief, "70000");
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().text(), "parse key id: \"70000\": is above what 2 bytes hold");
  EXPECT_EQ(id_from_text(IdForm::number, "12x").error().reason, "is not a number");
  EXPECT_EQ(id_from_text(IdForm::number, "").error().reason, "is not a number");
}

TEST(KeyId, AUuidComesToTheSameIdOnBothSites) {
  const char* uuid = "550e8400-e29b-41d4-a716-44665544162e";
  EXPECT_EQ(hex(id_from_uuid(IdForm::uuid, uuid).value()), "550e8400e29b41d4a71644665544162e");
  EXPECT_EQ(hex(id_from_uuid(IdForm::number, uuid).value()), "000044665544162e");
  EXPECT_EQ(hex(id_from_uuid(IdForm::brief, uuid).value()), "162e");
  EXPECT_EQ(text_of(id_from_uuid(IdForm::text, uuid).value()), uuid);
  EXPECT_EQ(id_from_uuid(IdForm::text, "550E8400-E29B-41D4-A716-44665544162E").value(), id_from_uuid(IdForm::text, uuid).value());
  EXPECT_FALSE(id_from_uuid(IdForm::number, "5678"));
}

TEST(Direction, OneSideIsTheClientAndTheOtherTheServerOfEachKey) {
  for (std::uint64_t n = 0; n < 4; ++n) {
    const auto a = direction_of(number(n), "hsm.a.example", "hsm.b.example");
    const auto b = direction_of(number(n), "hsm.b.example", "hsm.a.example");
    EXPECT_NE(a, b);
    EXPECT_EQ(a, n % 2 == 0 ? Direction::outgoing : Direction::incoming);
  }
}

TEST(Direction, AddressesAreComparedByByteAndTheLastByteOfTheIdCounts) {
  EXPECT_EQ(direction_of(number(2), "Z", "a"), Direction::outgoing);
  EXPECT_EQ(direction_of(number(2), "\xC3\xBC", "z"), Direction::incoming);
  EXPECT_EQ(direction_of(number(0x0101), "a", "b"), Direction::incoming);
  EXPECT_EQ(direction_of(number(0x0100), "a", "ab"), Direction::outgoing);
}

}  // namespace
}  // namespace tlspool::sharedkey
