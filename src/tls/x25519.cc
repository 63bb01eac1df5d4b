// SPDX-License-Identifier: Apache-2.0
#include "tls/x25519.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "base/secret.h"
#include "tls/dispatch.h"

namespace tlspool::tls {
namespace {

constexpr std::size_t key_size = crypto_scalarmult_BYTES;
constexpr int security_bits = 128;

using KeyBytes = std::array<unsigned char, key_size>;

struct ExchangeKey {
  KeyBytes public_half{};
  KeyBytes private_half{};
  bool has_public = false;
  bool has_private = false;

  ~ExchangeKey() { wipe(private_half.data(), private_half.size()); }
};

ExchangeKey* exchange_key(const void* pointer) { return static_cast<ExchangeKey*>(const_cast<void*>(pointer)); }

// --- keys -------------------------------------------------------------------------------------------------

void* exchange_key_new(void*) { return new (std::nothrow) ExchangeKey; }
void exchange_key_free(void* key) { delete exchange_key(key); }

// libcrypto asks about keys that are not made yet, too: none of them has anything.
int exchange_key_has(const void* key, int selection) {
  const ExchangeKey* k = exchange_key(key);
  if (k == nullptr) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && !k->has_public) return 0;
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || k->has_private ? 1 : 0;
}

int exchange_key_match(const void* a, const void* b, int selection) {
  const ExchangeKey* x = exchange_key(a);
  const ExchangeKey* y = exchange_key(b);
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0) return 1;  // all have the same parameters
  return x->has_public && y->has_public && x->public_half == y->public_half ? 1 : 0;
}

// TLS 1.2 copies the parameters of a key, which are none. The halves are not copied: one key, one exchange.
void* exchange_key_copy(const void* key, int selection) {
  return key == nullptr || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0 ? nullptr : exchange_key_new(nullptr);
}

// Any 32 bytes are a public key (RFC 7748 section 5); what comes of the few bad ones is found by exchange_derive().
int exchange_key_check(const void* key, int selection, int) { return exchange_key_has(key, selection); }

int exchange_key_get(void* key, OSSL_PARAM params[]) {
  const ExchangeKey* k = exchange_key(key);
  const auto number = [&](const char* name, int value) {
    OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
    return p == nullptr || OSSL_PARAM_set_int(p, value) == 1;
  };
  if (!number(OSSL_PKEY_PARAM_BITS, 253) || !number(OSSL_PKEY_PARAM_SECURITY_BITS, security_bits) ||
      !number(OSSL_PKEY_PARAM_MAX_SIZE, static_cast<int>(key_size))) {
    return 0;
  }
  OSSL_PARAM* encoded = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
  if (encoded == nullptr) return 1;
  return k->has_public ? OSSL_PARAM_set_octet_string(encoded, k->public_half.data(), key_size) : 0;
}

const OSSL_PARAM* exchange_key_gettable(void*) {
  static const OSSL_PARAM gettable[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr), OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0), OSSL_PARAM_END};
  return gettable;
}

// The other side's half, as it came in its key_share. A key that has a private half keeps its own public one.
int exchange_key_set(void* key, const OSSL_PARAM params[]) {
  ExchangeKey* k = exchange_key(key);
  const OSSL_PARAM* encoded = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
  if (encoded == nullptr) return 1;
  if (encoded->data_type != OSSL_PARAM_OCTET_STRING || encoded->data_size != key_size || k->has_private) return 0;
  std::memcpy(k->public_half.data(), encoded->data, key_size);
  k->has_public = true;
  return 1;
}

const OSSL_PARAM* exchange_key_settable(void*) {
  static const OSSL_PARAM settable[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0), OSSL_PARAM_END};
  return settable;
}

struct Generation {
  int selection;
};

void* generation_new(void*, int selection, const OSSL_PARAM*) { return new (std::nothrow) Generation{selection}; }
void generation_free(void* generation) { delete static_cast<Generation*>(generation); }

// libssl names the group each time; there is one.
int generation_set(void*, const OSSL_PARAM params[]) {
  const OSSL_PARAM* group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
  if (group == nullptr) return 1;
  return group->data_type == OSSL_PARAM_UTF8_STRING && OPENSSL_strcasecmp(static_cast<const char*>(group->data), "x25519") == 0 ? 1 : 0;
}

const OSSL_PARAM* generation_settable(void*, void*) {
  static const OSSL_PARAM settable[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0), OSSL_PARAM_END};
  return settable;
}

void* generate(void* generation, OSSL_CALLBACK*, void*) {
  auto* key = new (std::nothrow) ExchangeKey;
  if (key == nullptr || (static_cast<Generation*>(generation)->selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0) return key;
  key->has_private = RAND_priv_bytes(key->private_half.data(), static_cast<int>(key_size)) == 1;
  key->has_public = key->has_private && crypto_scalarmult_base(key->public_half.data(), key->private_half.data()) == 0;
  if (key->has_public) return key;
  delete key;
  return nullptr;
}

// --- the exchange -----------------------------------------------------------------------------------------

struct Exchange {
  const ExchangeKey* own = nullptr;  // libcrypto keeps both as long as this
  const ExchangeKey* theirs = nullptr;
};

Exchange* exchange_of(void* pointer) { return static_cast<Exchange*>(pointer); }
void* exchange_new(void*) { return new (std::nothrow) Exchange; }
void exchange_free(void* exchange) { delete exchange_of(exchange); }

int exchange_init(void* exchange, void* key, const OSSL_PARAM*) {
  exchange_of(exchange)->own = exchange_key(key);
  return exchange_key(key)->has_private ? 1 : 0;
}

int exchange_set_peer(void* exchange, void* key) {
  exchange_of(exchange)->theirs = exchange_key(key);
  return exchange_key(key)->has_public ? 1 : 0;
}

int exchange_derive(void* exchange, unsigned char* secret, std::size_t* size, std::size_t room) {
  const Exchange* e = exchange_of(exchange);
  *size = key_size;
  if (secret == nullptr) return 1;
  if (e->own == nullptr || e->theirs == nullptr || room < key_size) return 0;
  // It fails where all bytes of the secret would be zero, as RFC 8446 section 7.4.2 wants it.
  return crypto_scalarmult(secret, e->own->private_half.data(), e->theirs->public_half.data()) == 0 ? 1 : 0;
}

}  // namespace

const OSSL_DISPATCH* x25519_keys() {
  static const OSSL_DISPATCH functions[] = {
      served(OSSL_FUNC_KEYMGMT_NEW, exchange_key_new),
      served(OSSL_FUNC_KEYMGMT_FREE, exchange_key_free),
      served(OSSL_FUNC_KEYMGMT_HAS, exchange_key_has),
      served(OSSL_FUNC_KEYMGMT_MATCH, exchange_key_match),
      served(OSSL_FUNC_KEYMGMT_DUP, exchange_key_copy),
      served(OSSL_FUNC_KEYMGMT_VALIDATE, exchange_key_check),
      served(OSSL_FUNC_KEYMGMT_GET_PARAMS, exchange_key_get),
      served(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, exchange_key_gettable),
      served(OSSL_FUNC_KEYMGMT_SET_PARAMS, exchange_key_set),
      served(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, exchange_key_settable),
      served(OSSL_FUNC_KEYMGMT_GEN_INIT, generation_new),
      served(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, generation_set),
      served(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, generation_settable),
      served(OSSL_FUNC_KEYMGMT_GEN, generate),
      served(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, generation_free),
      {0, nullptr},
  };
  return functions;
}

const OSSL_DISPATCH* x25519_exchange() {
  static const OSSL_DISPATCH functions[] = {
      served(OSSL_FUNC_KEYEXCH_NEWCTX, exchange_new),       served(OSSL_FUNC_KEYEXCH_FREECTX, exchange_free),
      served(OSSL_FUNC_KEYEXCH_INIT, exchange_init),        served(OSSL_FUNC_KEYEXCH_SET_PEER, exchange_set_peer),
      served(OSSL_FUNC_KEYEXCH_DERIVE, exchange_derive),    {0, nullptr},
  };
  return functions;
}

int x25519_group(OSSL_CALLBACK* tell, void* argument) {
  char name[] = "x25519";
  char algorithm[] = "X25519";
  unsigned id = 0x001d;
  unsigned bits = security_bits;
  unsigned is_kem = 0;
  int any = 0;
  int never = -1;
  int first = TLS1_2_VERSION;
  const OSSL_PARAM group[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME, name, sizeof name),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL, algorithm, sizeof algorithm),
      OSSL_PARAM_construct_utf8_string(OSSL_CAPABILITY_TLS_GROUP_ALG, algorithm, sizeof algorithm),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &bits),
      OSSL_PARAM_construct_uint(OSSL_CAPABILITY_TLS_GROUP_IS_KEM, &is_kem),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &first),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &any),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &never),
      OSSL_PARAM_construct_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &never),
      OSSL_PARAM_END,
  };
  return tell(group, argument);
}

Status start_x25519() {
  if (sodium_init() < 0) return fail({Code::internal, "sodium_init", "libsodium", "failed", {}});
  return {};
}

}  // namespace tlspool::tls
