// SPDX-License-Identifier: Apache-2.0
#include "keeper/key.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

constexpr std::array<std::uint8_t, 10> p256_oid{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 7> p384_oid{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::array<std::uint8_t, 5> ed25519_oid{0x06, 0x03, 0x2b, 0x65, 0x70};
// PKCS#11 3.0 section 2.3.10 also allows the curve's name: PrintableString "edwards25519".
constexpr std::array<std::uint8_t, 14> ed25519_name{0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

tls::EvpKey key_from(const char* algorithm, OSSL_PARAM_BLD* builder) {
  const Params params{OSSL_PARAM_BLD_to_param(builder)};
  const KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, algorithm, "provider=default")};
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) {
    return {};
  }
  return tls::EvpKey{key};
}

tls::EvpKey rsa_public(ByteView modulus, ByteView exponent) {
  const Number n{BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr)};
  const Number e{BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr)};
  const ParamBuilder builder{OSSL_PARAM_BLD_new()};
  if (!n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return {};
  }
  return key_from("RSA", builder.get());
}

/// CKA_EC_POINT is a DER OCTET STRING around the point; older modules leave the wrapping out.
ByteView unwrapped_point(ByteView point, std::size_t size) {
  if (point.size() == size + 2 && point[0] == 0x04 && point[1] == size) return point.subspan(2);
  return point;
}

tls::EvpKey curve_public(wire::KeyType type, ByteView wrapped) {
  if (type == wire::KeyType::ed25519) {
    const ByteView point = unwrapped_point(wrapped, 32);
    return tls::EvpKey{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size())};
  }
  const bool small = type == wire::KeyType::p256;
  const ByteView point = unwrapped_point(wrapped, small ? 65 : 97);
  const ParamBuilder builder{OSSL_PARAM_BLD_new()};
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, small ? "P-256" : "P-384", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return {};
  }
  return key_from("EC", builder.get());
}

/// The public half: same CKA_ID, or the same label where the key has no id.
tls::EvpKey find_public_half(const Session& session, const PrivateKey& key) {
  const CK_OBJECT_CLASS wanted_class = CKO_PUBLIC_KEY;
  const std::array wanted{attribute_of(CKA_CLASS, wanted_class),
                          key.id.empty() ? attribute_bytes(CKA_LABEL, view(key.label)) : attribute_bytes(CKA_ID, key.id)};
  const auto found = session.find(wanted);
  if (!found) return {};
  for (const CK_OBJECT_HANDLE object : *found) {
    const auto point = session.attribute(object, CKA_EC_POINT);
    if (!point) continue;
    if (tls::EvpKey out = curve_public(key.type, *point)) return out;
  }
  return {};
}

Error unusable(const Session& session, const PrivateKey& key, std::string reason) {
  return {Code::config, "C_GetAttributeValue", session.subject() + " key=" + printable(key.label), std::move(reason),
          "TLS Pool uses RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519"};
}

Status read_rsa(const Session& session, PrivateKey& key) {
  const auto modulus = session.attribute(key.handle, CKA_MODULUS);
  if (!modulus) return fail(modulus.error());
  const Number n{BN_bin2bn(modulus->data(), static_cast<int>(modulus->size()), nullptr)};
  key.type = wire::KeyType::rsa;
  key.bits = n ? static_cast<std::uint32_t>(BN_num_bits(n.get())) : 0;
  if (key.bits < 2048 || key.bits > 4096) {
    return fail(unusable(session, key, "RSA of " + std::to_string(key.bits) + " bits"));
  }
  // Some tokens don't tell the exponent of a private key; it is nearly always 65537, and a certificate that
  // does not match it is found out.
  const auto exponent = session.attribute(key.handle, CKA_PUBLIC_EXPONENT);
  key.public_key = rsa_public(*modulus, exponent && !exponent->empty() ? *exponent : Bytes{1, 0, 1});
  return {};
}

Status read_curve(const Session& session, PrivateKey& key) {
  const auto params = session.attribute(key.handle, CKA_EC_PARAMS);
  if (!params) return fail(params.error());
  if (same(*params, p256_oid)) {
    key.type = wire::KeyType::p256;
    key.bits = 256;
  } else if (same(*params, p384_oid)) {
    key.type = wire::KeyType::p384;
    key.bits = 384;
  } else if (same(*params, ed25519_oid) || same(*params, ed25519_name)) {
    key.type = wire::KeyType::ed25519;
    key.bits = 256;
  } else {
    return fail(unusable(session, key, "a key on another curve"));
  }
  key.public_key = find_public_half(session, key);
  return {};
}

}  // namespace

Result<CK_OBJECT_HANDLE> find_private_key(const Session& session, const Slot& slot, const Uri& uri, std::span<const CK_OBJECT_HANDLE> except) {
  if (!uri.matches(slot.info)) {
    return fail({Code::config, "key URI", uri.text(), "it names another token than " + session.subject(), {}});
  }
  const CK_OBJECT_CLASS wanted_class = CKO_PRIVATE_KEY;
  if (uri.object_class().value_or(wanted_class) != wanted_class) {
    return fail({Code::config, "key URI", uri.text(), "it does not select a private key", "write type=private"});
  }
  std::vector<CK_ATTRIBUTE> wanted{attribute_of(CKA_CLASS, wanted_class)};
  const auto label = uri.label();
  const auto id = uri.id();
  if (label) wanted.push_back(attribute_bytes(CKA_LABEL, *label));
  if (id) wanted.push_back(attribute_bytes(CKA_ID, *id));
  auto found = session.find(wanted);
  if (!found) return fail(found.error());
  std::erase_if(*found, [&](CK_OBJECT_HANDLE handle) { return std::find(except.begin(), except.end(), handle) != except.end(); });
  if (found->empty()) {
    return fail({Code::token_missing, "C_FindObjects", uri.text(), "no such private key in " + session.subject(),
                 "`tlspool doctor` lists the keys of the token"});
  }
  if (found->size() > 1) {
    return fail({Code::config, "C_FindObjects", uri.text(), std::to_string(found->size()) + " private keys match",
                 "add object= or id= to the URI"});
  }
  return found->front();
}

Result<PrivateKey> read_private_key(const Session& session, CK_OBJECT_HANDLE handle) {
  PrivateKey key;
  key.handle = handle;
  if (const auto label = session.attribute(handle, CKA_LABEL)) key.label = text_of(*label);
  if (auto id = session.attribute(handle, CKA_ID)) key.id = std::move(*id);
  key.always_authenticate = session.flag(handle, CKA_ALWAYS_AUTHENTICATE);
  const auto type = session.number(handle, CKA_KEY_TYPE);
  if (!type) return fail(type.error());
  Status done = fail(unusable(session, key, "a key of another type"));
  if (*type == CKK_RSA) done = read_rsa(session, key);
  if (*type == CKK_EC || *type == CKK_EC_EDWARDS) done = read_curve(session, key);
  if (!done) return fail(std::move(done.error()));
  return key;
}

ByteView curve_parameters(wire::KeyType type) {
  switch (type) {
    case wire::KeyType::rsa: return {};
    case wire::KeyType::p256: return p256_oid;
    case wire::KeyType::p384: return p384_oid;
    case wire::KeyType::ed25519: return ed25519_oid;
  }
  return {};
}

std::string key_type_text(wire::KeyType type, std::uint32_t bits) {
  switch (type) {
    case wire::KeyType::rsa: return "RSA " + std::to_string(bits);
    case wire::KeyType::p256: return "P-256";
    case wire::KeyType::p384: return "P-384";
    case wire::KeyType::ed25519: return "Ed25519";
  }
  return {};
}

Result<std::vector<Bytes>> read_chain(const Session& session, const Uri& uri, const PrivateKey& key) {
  const CK_OBJECT_CLASS wanted_class = CKO_CERTIFICATE;
  const std::array wanted{attribute_of(CKA_CLASS, wanted_class)};
  const auto objects = session.find(wanted);
  if (!objects) return fail(objects.error());
  const auto label = uri.label();
  const auto id = uri.id();
  std::vector<tls::Certificate> all;
  std::vector<Bytes> chain;
  const X509* last = nullptr;
  for (const CK_OBJECT_HANDLE object : *objects) {
    const auto der = session.attribute(object, CKA_VALUE);
    if (!der) continue;
    auto certificate = tls::certificate_from_der(*der);
    if (!certificate) continue;
    const auto its_label = session.attribute(object, CKA_LABEL);
    const auto its_id = session.attribute(object, CKA_ID);
    const bool selected = (!label || (its_label && *its_label == *label)) && (!id || (its_id && *its_id == *id));
    const bool ours = !key.public_key || EVP_PKEY_eq(X509_get0_pubkey(certificate->get()), key.public_key.get()) == 1;
    all.push_back(std::move(*certificate));
    if (last == nullptr && selected && ours) last = all.back().get();
  }
  if (last == nullptr) {
    return fail({Code::token_missing, "C_FindObjects", uri.text(),
                 "no certificate for the key in " + session.subject(), "import it, or name a PEM file as chain"});
  }
  constexpr std::size_t longest = 8;
  while (last != nullptr && chain.size() < longest) {
    chain.push_back(tls::der_of(last));
    const X509* issuer = nullptr;
    for (const tls::Certificate& c : all) {
      const bool issued = X509_check_issued(c.get(), const_cast<X509*>(last)) == X509_V_OK;
      if (issued && c.get() != last) issuer = c.get();
    }
    last = issuer;
  }
  return chain;
}

}  // namespace tlspool::keeper
