// SPDX-License-Identifier: Apache-2.0
#include <openssl/rand.h>

#include <array>

#include "keeper/make_token.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

Bytes public_key_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = key == nullptr ? 0 : i2d_PUBKEY(key, &der);
  if (size <= 0) return {};
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

wire::KeyRow row_of(const OpenToken& token, const PrivateKey& key) {
  return {private_key_uri(token.slot.label(), key.label, key.label.empty() ? ByteView{key.id} : ByteView{}),
          key.label, key.id, key.type, key.bits, true, public_key_der(key.public_key.get())};
}

Result<CK_OBJECT_HANDLE> generate(const OpenToken& token, const wire::MakeKey& request) {
  const CK_BBOOL yes = CK_TRUE;
  const CK_BBOOL no = CK_FALSE;
  std::array<std::uint8_t, 16> id;
  if (RAND_bytes(id.data(), id.size()) != 1) return fail({Code::internal, "RAND_bytes", "", "failed", {}});
  const CK_ATTRIBUTE label = attribute_bytes(CKA_LABEL, view(request.label));
  const CK_ATTRIBUTE same_id = attribute_bytes(CKA_ID, id);
  std::vector<CK_ATTRIBUTE> public_half{attribute_of(CKA_TOKEN, yes), attribute_of(CKA_VERIFY, yes),
                                        attribute_of(CKA_PRIVATE, no), label, same_id};
  std::vector<CK_ATTRIBUTE> private_half{attribute_of(CKA_TOKEN, yes),       attribute_of(CKA_PRIVATE, yes),
                                         attribute_of(CKA_SENSITIVE, yes),   attribute_of(CKA_EXTRACTABLE, no),
                                         attribute_of(CKA_SIGN, yes),        attribute_of(CKA_DECRYPT, no),
                                         attribute_of(CKA_UNWRAP, no),       label, same_id};
  const CK_ULONG bits = request.bits;
  const std::array<std::uint8_t, 3> exponent{1, 0, 1};
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  switch (request.type) {
    case wire::KeyType::rsa:
      mechanism.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
      public_half.push_back(attribute_of(CKA_MODULUS_BITS, bits));
      public_half.push_back(attribute_bytes(CKA_PUBLIC_EXPONENT, exponent));
      break;
    case wire::KeyType::ed25519:
      mechanism.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
      [[fallthrough]];
    case wire::KeyType::p256:
    case wire::KeyType::p384:
      public_half.push_back(attribute_bytes(CKA_EC_PARAMS, curve_parameters(request.type)));
      break;
  }
  CK_OBJECT_HANDLE public_handle = 0;
  CK_OBJECT_HANDLE private_handle = 0;
  const CK_RV rv = token.session.calls()->C_GenerateKeyPair(token.session.handle(), &mechanism, public_half.data(),
                                                            public_half.size(), private_half.data(),
                                                            private_half.size(), &public_handle, &private_handle);
  if (rv != CKR_OK) return fail(token.session.error("C_GenerateKeyPair", rv));
  return private_handle;
}

}  // namespace

Result<wire::KeyRow> make_key(Modules& modules, const wire::MakeKey& request) {
  if (request.label.empty()) return fail({Code::invalid, "make key", "", "a key needs a label", {}});
  const bool rsa = request.type == wire::KeyType::rsa;
  if (rsa && request.bits != 2048 && request.bits != 3072 && request.bits != 4096) {
    return fail({Code::invalid, "make key", request.label, "RSA of 2048, 3072 or 4096 bits", {}});
  }
  auto token = open_token(modules, request.token);
  if (!token) return fail(std::move(token.error()));
  const CK_OBJECT_CLASS wanted_class = CKO_PRIVATE_KEY;
  const std::array wanted{attribute_of(CKA_CLASS, wanted_class), attribute_bytes(CKA_LABEL, view(request.label))};
  auto there = token->session.find(wanted);
  if (!there) return fail(std::move(there.error()));
  if (!there->empty()) {
    auto key = read_private_key(token->session, there->front());
    const bool same = key && key->type == request.type && (!rsa || key->bits == request.bits);
    if (request.reuse && same && there->size() == 1) return row_of(*token, *key);
    return fail({Code::invalid, "make key", "token=" + request.token.name + " object=" + request.label,
                 "a private key with this label is there already", {}});
  }
  auto made = generate(*token, request);
  if (!made) return fail(std::move(made.error()));
  auto key = read_private_key(token->session, *made);
  if (!key) return fail(std::move(key.error()));
  return row_of(*token, *key);
}

Result<wire::KeysListed> list_keys(Modules& modules, const wire::ListKeys& request) {
  auto token = open_token(modules, request.token);
  if (!token) return fail(std::move(token.error()));
  const CK_OBJECT_CLASS wanted_class = CKO_PRIVATE_KEY;
  const std::array wanted{attribute_of(CKA_CLASS, wanted_class)};
  auto handles = token->session.find(wanted);
  if (!handles) return fail(std::move(handles.error()));
  wire::KeysListed out;
  for (const CK_OBJECT_HANDLE handle : *handles) {
    if (auto key = read_private_key(token->session, handle)) {
      out.keys.push_back(row_of(*token, *key));
      continue;
    }
    wire::KeyRow row;
    row.supported = false;
    if (const auto label = token->session.attribute(handle, CKA_LABEL)) row.label = text_of(*label);
    if (auto id = token->session.attribute(handle, CKA_ID)) row.id = std::move(*id);
    row.uri = private_key_uri(token->slot.label(), row.label, row.id);
    out.keys.push_back(std::move(row));
  }
  // A label that two keys share does not select either of them.
  for (wire::KeyRow& row : out.keys) {
    int sharing = 0;
    for (const wire::KeyRow& other : out.keys) sharing += other.label == row.label ? 1 : 0;
    if (sharing > 1) row.uri = private_key_uri(token->slot.label(), row.label, row.id);
  }
  return out;
}

}  // namespace tlspool::keeper
