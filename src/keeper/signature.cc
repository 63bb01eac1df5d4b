// SPDX-License-Identifier: Apache-2.0
#include "keeper/signature.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "keeper/handshake_shape.h"

namespace tlspool::keeper {
namespace {

enum class Padding { none, pkcs1, pss };

struct Hash {
  const char* name;
  CK_MECHANISM_TYPE mechanism;
  CK_RSA_PKCS_MGF_TYPE mgf;
  std::array<std::uint8_t, 19> digest_info;  ///< DER before the digest (RFC 8017 section 9.2, note 1)
};
constexpr std::array<std::uint8_t, 19> digest_info(std::uint8_t oid_end, std::uint8_t size) {
  return {0x30, static_cast<std::uint8_t>(17 + size), 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
          0x02, oid_end, 0x05, 0x00, 0x04, size};
}
constexpr std::array hashes{
    Hash{"SHA256", CKM_SHA256, CKG_MGF1_SHA256, digest_info(1, 32)},
    Hash{"SHA384", CKM_SHA384, CKG_MGF1_SHA384, digest_info(2, 48)},
    Hash{"SHA512", CKM_SHA512, CKG_MGF1_SHA512, digest_info(3, 64)},
};

struct SchemeParts {
  Padding padding;
  std::size_t hash;  ///< index into hashes
};
SchemeParts parts_of(std::uint16_t scheme) {
  if (scheme >> 8 == 8) return {Padding::pss, scheme - 0x0804U};
  return {(scheme & 0xff) == 1 ? Padding::pkcs1 : Padding::none, (scheme >> 8) - 4U};
}

// Fetched once: a fetch for each signature takes libcrypto's locks.
const EVP_MD* fetched(std::size_t hash) {
  static const std::array<EVP_MD*, 3> all = [] {
    std::array<EVP_MD*, 3> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = EVP_MD_fetch(nullptr, hashes[i].name, "provider=default");
    return out;
  }();
  return all[hash];
}

void put_integer(Bytes& out, ByteView number) {
  while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
  const bool sign_bit = (number[0] & 0x80) != 0;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(number.size() + (sign_bit ? 1 : 0)));
  if (sign_bit) out.push_back(0);
  out.insert(out.end(), number.begin(), number.end());
}

/// PKCS#11 gives r and s of equal length; TLS wants them as DER (RFC 8422 section 5.4). Two numbers of up to 49
/// bytes with their heads stay below 128, so that one length byte is enough.
Bytes ecdsa_der(ByteView raw) {
  Bytes out;
  out.reserve(raw.size() + 10);
  out.assign({0x30, 0});
  put_integer(out, raw.first(raw.size() / 2));
  put_integer(out, raw.subspan(raw.size() / 2));
  out[1] = static_cast<std::uint8_t>(out.size() - 2);
  return out;
}

}  // namespace

tl::expected<Bytes, CallFailure> sign_text(const Session& session, const PrivateKey& key, std::uint16_t scheme,
                                           ByteView input, const Secret& pin, std::optional<CK_OBJECT_HANDLE> copy) {
  if (!scheme_fits(scheme, key.type, false)) {
    return tl::unexpected<CallFailure>(
        CallFailure{{Code::invalid, "C_SignInit", session.subject(), "a scheme of another type of key", {}}, CKR_OK});
  }
  CK_MECHANISM mechanism{CKM_EDDSA, nullptr, 0};
  CK_RSA_PKCS_PSS_PARAMS pss{};
  std::array<std::uint8_t, 19 + EVP_MAX_MD_SIZE> digest;
  ByteView to_sign = input;
  if (key.type != wire::KeyType::ed25519) {
    const SchemeParts parts = parts_of(scheme);
    const Hash& hash = hashes[parts.hash];
    std::size_t head = 0;
    switch (parts.padding) {
      case Padding::none: mechanism.mechanism = CKM_ECDSA; break;
      case Padding::pkcs1:
        mechanism.mechanism = CKM_RSA_PKCS;
        head = hash.digest_info.size();
        std::copy(hash.digest_info.begin(), hash.digest_info.end(), digest.begin());
        break;
      case Padding::pss: mechanism.mechanism = CKM_RSA_PKCS_PSS; break;
    }
    unsigned size = 0;
    if (EVP_Digest(input.data(), input.size(), digest.data() + head, &size, fetched(parts.hash), nullptr) != 1) {
      return tl::unexpected<CallFailure>(CallFailure{{Code::internal, "EVP_Digest", hash.name, "failed", {}}, CKR_OK});
    }
    to_sign = ByteView{digest.data(), head + size};
    if (parts.padding == Padding::pss) {
      pss = {hash.mechanism, hash.mgf, size};  // salt as long as the hash: RFC 8446 section 4.2.3
      mechanism.pParameter = &pss;
      mechanism.ulParameterLen = sizeof pss;
    }
  }
  CK_FUNCTION_LIST* calls = session.calls();
  CK_RV rv = calls->C_SignInit(session.handle(), &mechanism, copy.value_or(key.handle));
  if (rv != CKR_OK) return failed(session, "C_SignInit", rv);
  if (key.always_authenticate) {
    auto* text = const_cast<std::uint8_t*>(pin.bytes().data());
    rv = calls->C_Login(session.handle(), CKU_CONTEXT_SPECIFIC, text, pin.size());
    if (rv != CKR_OK) return failed(session, "C_Login", rv);
  }
  std::array<std::uint8_t, 512> signature;  // RSA 4096
  CK_ULONG size = signature.size();
  rv = calls->C_Sign(session.handle(), const_cast<std::uint8_t*>(to_sign.data()), to_sign.size(), signature.data(), &size);
  if (rv != CKR_OK) return failed(session, "C_Sign", rv);
  const ByteView raw{signature.data(), size};
  if (key.type != wire::KeyType::p256 && key.type != wire::KeyType::p384) return copy_of(raw);
  const std::size_t expected = key.type == wire::KeyType::p256 ? 64 : 96;
  if (size != expected) return failed(session, "C_Sign", CKR_SIGNATURE_LEN_RANGE);
  return ecdsa_der(raw);
}

std::uint16_t usual_scheme(wire::KeyType type) {
  switch (type) {
    case wire::KeyType::rsa: return 0x0401;
    case wire::KeyType::p256: return 0x0403;
    case wire::KeyType::p384: return 0x0503;
    case wire::KeyType::ed25519: return 0x0807;
  }
  return 0;
}

}  // namespace tlspool::keeper
