// SPDX-License-Identifier: Apache-2.0
#include <openssl/x509v3.h>

#include <array>

#include "keeper/check.h"
#include "keeper/handshake_shape.h"
#include "keeper/key_match.h"
#include "softhsm_fixture.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

class Provision : public SoftHsm {
 protected:
  wire::CertificateMade authority(const wire::KeyRow& ca) {
    Modules modules;
    auto made = make_authority(modules, {token(), ca.uri, "demo.example"});
    EXPECT_TRUE(made) << made.error().text();
    return made ? *made : wire::CertificateMade{};
  }
  Result<wire::CertificateMade> certificate(const wire::KeyRow& key, const wire::KeyRow& ca, const Bytes& issuer,
                                            const std::string& name) {
    Modules modules;
    return issue(modules, {token(), key.uri, name, token(), ca.uri, issuer});
  }
};

TEST_F(Provision, PinFileIsForItsOwnerAlone) {
  struct stat info{};
  ASSERT_EQ(stat("pin", &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(read("pin").size(), 32U);
}

TEST_F(Provision, TokenThatIsThereIsKept) {
  const std::string pin = read("pin");
  Modules modules;
  const auto again = make_token(modules, {softhsm_module, "tlspool", "pin"});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(read("pin"), pin);
}

TEST_F(Provision, EveryKeyTypeIsMadeAndSignsInEachOfItsSchemes) {
  struct Case {
    wire::KeyType type;
    std::uint32_t bits;
    std::vector<std::uint16_t> schemes;
  };
  const std::array cases{
      Case{wire::KeyType::p256, 256, {0x0403, 0x0503, 0x0603}},
      Case{wire::KeyType::p384, 384, {0x0403, 0x0503, 0x0603}},
      Case{wire::KeyType::rsa, 2048, {0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806}},
      Case{wire::KeyType::ed25519, 256, {0x0807}},
  };
  for (const Case& c : cases) {
    const wire::KeyRow row = key(key_type_text(c.type, c.bits), c.type, c.bits);
    EXPECT_EQ(row.type, c.type);
    EXPECT_EQ(row.bits, c.bits);
    ASSERT_FALSE(row.public_key.empty());
    const auto* at = row.public_key.data();
    const tls::EvpKey public_key{d2i_PUBKEY(nullptr, &at, static_cast<long>(row.public_key.size()))};
    Modules modules;
    auto open = open_token(modules, token());
    ASSERT_TRUE(open) << open.error().text();
    auto uri = Uri::parse(row.uri);
    auto handle = find_private_key(open->session, open->slot, *uri);
    ASSERT_TRUE(handle) << handle.error().text();
    auto private_key = read_private_key(open->session, *handle);
    ASSERT_TRUE(private_key) << private_key.error().text();
    for (const std::uint16_t scheme : c.schemes) {
      for (int round = 0; round < 8; ++round) {
        const std::string text = "round " + std::to_string(round);
        auto signature = sign_text(open->session, *private_key, scheme, view(text), open->pin);
        ASSERT_TRUE(signature) << scheme_name(scheme) << signature.error().error.text();
        EXPECT_TRUE(signature_is_good(public_key.get(), scheme, view(text), *signature)) << scheme_name(scheme);
        EXPECT_FALSE(signature_is_good(public_key.get(), scheme, view("other"), *signature));
      }
    }
  }
}

TEST_F(Provision, KeysCanNotBeTakenOut) {
  const wire::KeyRow row = key("web", wire::KeyType::p256);
  Modules modules;
  auto open = open_token(modules, token());
  ASSERT_TRUE(open);
  auto handle = find_private_key(open->session, open->slot, *Uri::parse(row.uri));
  ASSERT_TRUE(handle);
  EXPECT_TRUE(open->session.flag(*handle, CKA_SENSITIVE));
  EXPECT_FALSE(open->session.flag(*handle, CKA_EXTRACTABLE));
  const auto value = open->session.attribute(*handle, CKA_VALUE);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().reason, "CKR_ATTRIBUTE_SENSITIVE");
}

TEST_F(Provision, SecondKeyOfOneLabelIsRefusedUnlessReused) {
  const wire::KeyRow first = key("web", wire::KeyType::p256);
  Modules modules;
  EXPECT_FALSE(make_key(modules, {token(), "web", wire::KeyType::p256, 256, false}));
  const auto same = make_key(modules, {token(), "web", wire::KeyType::p256, 256, true});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->id, first.id);
  EXPECT_FALSE(make_key(modules, {token(), "web", wire::KeyType::p384, 384, true}));
}

TEST_F(Provision, ListedKeysSelectThemselves) {
  key("one", wire::KeyType::p256);
  key("two words; and=more", wire::KeyType::ed25519);
  Modules modules;
  const auto listed = list_keys(modules, {token()});
  ASSERT_TRUE(listed) << listed.error().text();
  ASSERT_EQ(listed->keys.size(), 2U);
  auto open = open_token(modules, token());
  ASSERT_TRUE(open);
  for (const wire::KeyRow& row : listed->keys) {
    auto uri = Uri::parse(row.uri);
    ASSERT_TRUE(uri) << row.uri;
    EXPECT_TRUE(find_private_key(open->session, open->slot, *uri)) << row.uri;
  }
}

TEST_F(Provision, IssuedCertificateVerifiesUnderTheAuthority) {
  const wire::KeyRow ca = key("ca", wire::KeyType::p256);
  const wire::CertificateMade root = authority(ca);
  const auto root_certificate = tls::certificate_from_der(root.der);
  ASSERT_TRUE(root_certificate);
  EXPECT_EQ(tls::subject_of(root_certificate->get()), "CN=demo.example development CA");
  EXPECT_EQ(X509_get_pathlen(root_certificate->get()), 0);
  for (const char* name : {"web.example", "alice@example.org", "127.0.0.1", "::1"}) {
    const wire::KeyRow leaf_key = key(name, std::string(name) == "::1" ? wire::KeyType::ed25519 : wire::KeyType::p384);
    const auto made = certificate(leaf_key, ca, copy_of(view(root.pem)), name);
    ASSERT_TRUE(made) << made.error().text();
    const auto leaf = tls::certificate_from_der(made->der);
    ASSERT_TRUE(leaf);
    EXPECT_EQ(tls::alternative_names(leaf->get()), std::vector<std::string>{name});
    EXPECT_EQ(X509_verify(leaf->get(), X509_get0_pubkey(root_certificate->get())), 1);
    EXPECT_EQ(X509_check_issued(root_certificate->get(), leaf->get()), X509_V_OK);
    EXPECT_EQ(X509_check_purpose(leaf->get(), X509_PURPOSE_SSL_SERVER, 0), 1);
    EXPECT_EQ(X509_check_purpose(leaf->get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
    EXPECT_EQ(X509_check_ca(leaf->get()), 0);
    EXPECT_EQ(ASN1_STRING_length(X509_get0_serialNumber(leaf->get())), 16);
    int days = 0;
    int seconds = 0;
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf->get()), X509_get0_notAfter(leaf->get()));
    EXPECT_EQ(days, 398);
  }
}

TEST_F(Provision, AuthorityOfAnotherKeyIsRefused) {
  const wire::KeyRow ca = key("ca", wire::KeyType::p256);
  const wire::KeyRow other = key("other", wire::KeyType::p256);
  const auto made = certificate(other, other, authority(ca).der, "web.example");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::certificate);
}

TEST_F(Provision, CheckNamesEveryCall) {
  const wire::KeyRow row = key("web", wire::KeyType::p256);
  Modules modules;
  wire::KeySetup setup{1, "default", row.uri, 3, {}, {}, "web.example"};
  wire::KeySetup gone = setup;
  gone.uri = "pkcs11:token=tlspool;object=gone;type=private";
  const wire::Checked checked = check_token(modules, {token(), {setup, gone}});
  EXPECT_FALSE(checked.passed);
  std::string calls;
  for (const wire::CheckStep& step : checked.steps) calls += step.call + "=" + step.result + " ";
  EXPECT_NE(calls.find("C_Initialize=CKR_OK"), std::string::npos) << calls;
  EXPECT_NE(calls.find("C_Login=CKR_OK"), std::string::npos) << calls;
  EXPECT_NE(calls.find("C_Sign=CKR_OK"), std::string::npos) << calls;
  EXPECT_EQ(checked.steps.back().call, "C_FindObjects");
  EXPECT_EQ(checked.steps.back().outcome, wire::StepOutcome::failed);
}

TEST_F(Provision, CheckNamesTheRejectedPin) {
  write("pin", "wrong");
  Modules modules;
  const wire::Checked checked = check_token(modules, {token(), {}});
  EXPECT_FALSE(checked.passed);
  EXPECT_EQ(checked.steps.back().call, "C_Login");
  EXPECT_EQ(checked.steps.back().result, "CKR_PIN_INCORRECT");
}

TEST_F(Provision, MissingModuleTokenAndPinFileNameTheCall) {
  Modules modules;
  wire::TokenSetup setup = token();
  setup.module = "/nowhere/module.so";
  auto open = open_token(modules, setup);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().operation, "p11_kit_module_load");
  setup = token();
  setup.uri = "pkcs11:token=office";
  open = open_token(modules, setup);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::token_missing);
  EXPECT_NE(open.error().advice.find("tlspool"), std::string::npos);
  setup = token();
  chmod("pin", 0640);
  open = open_token(modules, setup);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::denied);
}

}  // namespace
}  // namespace tlspool::keeper
