// SPDX-License-Identifier: Apache-2.0
#include "tls/key_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstring>
#include <string>

#include "tls/dispatch.h"
#include "tls/openssl.h"

// A key of this provider is a number and a public half that belongs to the default provider. Everything that
// can be asked of a public key is passed on to that half; only signing is ours. There is no export function,
// so libcrypto can't be talked into moving the key elsewhere.

namespace tlspool::tls {
namespace {

constexpr const char* key_number_param = "tlspool-key";
constexpr const char* own_properties = "provider=tlspool";

SignFunction& signer() {
  static SignFunction function;
  return function;
}

struct HandleKey {
  const char* algorithm = nullptr;
  bool has_handle = false;
  std::uint32_t number = 0;
  EvpKey public_half;
};

HandleKey* as_key(const void* pointer) { return static_cast<HandleKey*>(const_cast<void*>(pointer)); }

// --- key management -------------------------------------------------------------------------------------

template <const char* Algorithm>
void* key_new(void*) {
  return new (std::nothrow) HandleKey{Algorithm, false, 0, {}};
}
void key_free(void* key) { delete as_key(key); }

int key_has(const void* key, int selection) {
  const HandleKey* k = as_key(key);
  if (k == nullptr || !k->public_half) return 0;
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || k->has_handle ? 1 : 0;
}

// Two keys are the same when their public halves are: a handle has nothing else to compare.
int key_match(const void* a, const void* b, int) {
  const HandleKey* x = as_key(a);
  const HandleKey* y = as_key(b);
  return x->public_half && y->public_half && EVP_PKEY_eq(x->public_half.get(), y->public_half.get()) == 1 ? 1 : 0;
}

int key_import(void* key, int, const OSSL_PARAM params[]) {
  HandleKey* k = as_key(key);
  std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context{
      EVP_PKEY_CTX_new_from_name(nullptr, k->algorithm, "provider=default")};
  EVP_PKEY* public_half = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &public_half, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params)) <= 0) {
    return 0;
  }
  k->public_half.reset(public_half);
  if (const OSSL_PARAM* number = OSSL_PARAM_locate_const(params, key_number_param)) {
    k->has_handle = OSSL_PARAM_get_uint32(number, &k->number) == 1;
  }
  return 1;
}

const OSSL_PARAM* key_import_types(int) {
  static const OSSL_PARAM types[] = {
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0),
      OSSL_PARAM_uint32(key_number_param, nullptr),
      OSSL_PARAM_END,
  };
  return types;
}

int key_get_params(void* key, OSSL_PARAM params[]) {
  HandleKey* k = as_key(key);
  return k->public_half ? EVP_PKEY_get_params(k->public_half.get(), params) : 0;
}

const OSSL_PARAM* key_gettable_params(void*) {
  static const OSSL_PARAM gettable[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_END,
  };
  return gettable;
}

const char* ec_operation_name(int) { return "ECDSA"; }

// --- signing --------------------------------------------------------------------------------------------

enum class Padding { pkcs1, pss };

struct SignContext {
  HandleKey* key = nullptr;
  std::string digest;
  Padding padding = Padding::pkcs1;
};

SignContext* as_context(void* pointer) { return static_cast<SignContext*>(pointer); }

void* sign_new(void*, const char*) { return new (std::nothrow) SignContext; }
void sign_free(void* context) { delete as_context(context); }

int sign_set_params(void* context, const OSSL_PARAM params[]) {
  SignContext* c = as_context(context);
  if (params == nullptr) return 1;
  if (const OSSL_PARAM* p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) {
    // libssl sends the number, the command line tools the word.
    int mode = 0;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
      const std::string_view word(static_cast<const char*>(p->data), strnlen(static_cast<const char*>(p->data), p->data_size));
      mode = word == OSSL_PKEY_RSA_PAD_MODE_PSS ? RSA_PKCS1_PSS_PADDING
             : word == OSSL_PKEY_RSA_PAD_MODE_PKCSV15 ? RSA_PKCS1_PADDING
                                                      : 0;
    } else if (OSSL_PARAM_get_int(p, &mode) != 1) {
      return 0;
    }
    if (mode != RSA_PKCS1_PSS_PADDING && mode != RSA_PKCS1_PADDING) return 0;
    c->padding = mode == RSA_PKCS1_PSS_PADDING ? Padding::pss : Padding::pkcs1;
  }
  // The keeper always salts with as many bytes as the digest has (RFC 8446 section 4.2.3): any other wish
  // must not pass unnoticed.
  if (const OSSL_PARAM* p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) {
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
      return std::strncmp(static_cast<const char*>(p->data), OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, p->data_size) == 0;
    }
    int length = 0;
    return OSSL_PARAM_get_int(p, &length) == 1 && length == RSA_PSS_SALTLEN_DIGEST;
  }
  return 1;
}

const OSSL_PARAM* sign_settable(void*, void*) {
  static const OSSL_PARAM settable[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_END,
  };
  return settable;
}

// X509_sign asks for the AlgorithmIdentifier.
int sign_get_params(void* context, OSSL_PARAM params[]) {
  SignContext* c = as_context(context);
  OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
  if (p == nullptr) return 1;
  int signature_nid = NID_undef;
  const int digest = c->digest.empty() ? NID_undef : OBJ_txt2nid(c->digest.c_str());
  if (std::strcmp(c->key->algorithm, "ED25519") == 0) {
    signature_nid = NID_ED25519;
  } else if (OBJ_find_sigid_by_algs(&signature_nid, digest, EVP_PKEY_get_base_id(c->key->public_half.get())) != 1) {
    return 0;
  }
  std::unique_ptr<X509_ALGOR, Freed<X509_ALGOR_free>> algorithm{X509_ALGOR_new()};
  const int parameter = std::strcmp(c->key->algorithm, "RSA") == 0 ? V_ASN1_NULL : V_ASN1_UNDEF;
  if (!algorithm || X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(signature_nid), parameter, nullptr) != 1) return 0;
  unsigned char* der = nullptr;
  const int size = i2d_X509_ALGOR(algorithm.get(), &der);
  if (size <= 0) return 0;
  const int done = OSSL_PARAM_set_octet_string(p, der, static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return done;
}

const OSSL_PARAM* sign_gettable(void*, void*) {
  static const OSSL_PARAM gettable[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_END,
  };
  return gettable;
}

int sign_init(void* context, const char* digest, void* key, const OSSL_PARAM params[]) {
  SignContext* c = as_context(context);
  c->key = as_key(key);
  // "UNDEF" is how libcrypto spells "this key hashes by itself".
  c->digest = digest == nullptr || std::strcmp(digest, "UNDEF") == 0 ? "" : digest;
  return c->key != nullptr && c->key->has_handle ? sign_set_params(context, params) : 0;
}

// SignatureScheme of RFC 8446 section 4.2.3; 0 for what TLS has no name for.
std::uint16_t scheme_of(const SignContext& c) {
  if (std::strcmp(c.key->algorithm, "ED25519") == 0) return c.digest.empty() ? 0x0807 : 0;
  const auto is = [&](const char* a, const char* b) {
    return OPENSSL_strcasecmp(c.digest.c_str(), a) == 0 || OPENSSL_strcasecmp(c.digest.c_str(), b) == 0;
  };
  const std::uint16_t hash = is("SHA256", "SHA2-256")   ? 4
                             : is("SHA384", "SHA2-384") ? 5
                             : is("SHA512", "SHA2-512") ? 6
                                                        : 0;
  if (hash == 0) return 0;
  if (std::strcmp(c.key->algorithm, "EC") == 0) return static_cast<std::uint16_t>(hash << 8 | 3);
  return c.padding == Padding::pss ? static_cast<std::uint16_t>(0x0800 | hash) : static_cast<std::uint16_t>(hash << 8 | 1);
}

int sign_once(void* context, unsigned char* signature, std::size_t* size, std::size_t room, const unsigned char* input,
              std::size_t input_size) {
  SignContext* c = as_context(context);
  const auto most = static_cast<std::size_t>(EVP_PKEY_get_size(c->key->public_half.get()));
  if (signature == nullptr) {
    *size = most;
    return 1;
  }
  const std::uint16_t scheme = scheme_of(*c);
  if (scheme == 0 || !signer()) return 0;
  auto made = signer()(c->key->number, scheme, {input, input_size});
  if (!made || made->empty() || made->size() > room) return 0;
  std::memcpy(signature, made->data(), made->size());
  *size = made->size();
  return 1;
}

// --- tables ---------------------------------------------------------------------------------------------

constexpr char rsa_name[] = "RSA";
constexpr char ec_name[] = "EC";
constexpr char ed25519_name[] = "ED25519";

#define KEY_FUNCTIONS(name)                                                                                 \
  served(OSSL_FUNC_KEYMGMT_NEW, key_new<name>), served(OSSL_FUNC_KEYMGMT_FREE, key_free),                   \
      served(OSSL_FUNC_KEYMGMT_HAS, key_has), served(OSSL_FUNC_KEYMGMT_MATCH, key_match),                   \
      served(OSSL_FUNC_KEYMGMT_IMPORT, key_import), served(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),\
      served(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                                 \
      served(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params)

const OSSL_DISPATCH rsa_keys[] = {KEY_FUNCTIONS(rsa_name), {0, nullptr}};
const OSSL_DISPATCH ed25519_keys[] = {KEY_FUNCTIONS(ed25519_name), {0, nullptr}};
const OSSL_DISPATCH ec_keys[] = {
    KEY_FUNCTIONS(ec_name), served(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation_name), {0, nullptr}};

const OSSL_DISPATCH sign_functions[] = {
    served(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
    served(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
    served(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
    served(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign_once),
    served(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
    served(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable),
    served(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, sign_get_params),
    served(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, sign_gettable),
    {0, nullptr},
};

const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption", own_properties, rsa_keys, nullptr},
    {"EC:id-ecPublicKey", own_properties, ec_keys, nullptr},
    {"ED25519", own_properties, ed25519_keys, nullptr},
    {nullptr, nullptr, nullptr, nullptr},
};
const OSSL_ALGORITHM sign_algorithms[] = {
    {"RSA:rsaEncryption", own_properties, sign_functions, nullptr},
    {"ECDSA", own_properties, sign_functions, nullptr},
    {"ED25519", own_properties, sign_functions, nullptr},
    {nullptr, nullptr, nullptr, nullptr},
};

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  if (operation == OSSL_OP_KEYMGMT) return key_algorithms;
  if (operation == OSSL_OP_SIGNATURE) return sign_algorithms;
  return nullptr;
}

const OSSL_DISPATCH provider_functions[] = {served(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, nullptr}};

int provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
  *out = provider_functions;
  *context = const_cast<OSSL_CORE_HANDLE*>(handle);
  return 1;
}

const char* algorithm_of(wire::KeyType type) {
  switch (type) {
    case wire::KeyType::rsa: return rsa_name;
    case wire::KeyType::p256:
    case wire::KeyType::p384: return ec_name;
    case wire::KeyType::ed25519: return ed25519_name;
  }
  return rsa_name;
}

}  // namespace

Status load_key_provider(SignFunction sign) {
  signer() = std::move(sign);
  // Made after libcrypto has begun, so let go before it ends.
  using Provider = std::unique_ptr<OSSL_PROVIDER, Freed<OSSL_PROVIDER_unload>>;
  static const bool added = OSSL_PROVIDER_add_builtin(nullptr, "tlspool", provider_init) == 1;
  static const Provider standard{OSSL_PROVIDER_load(nullptr, "default")};
  static const Provider own{added ? OSSL_PROVIDER_load(nullptr, "tlspool") : nullptr};
  // "?provider=default" (a preference): everything but our handles stays with the default provider.
  static const bool preferred = standard && own && EVP_set_default_properties(nullptr, "?provider=default") == 1;
  return preferred ? Status{} : fail(openssl_error(Code::internal, "load key provider", ""));
}

Result<EvpKey> make_handle_key(std::uint32_t key, wire::KeyType type, EVP_PKEY* public_key) {
  const auto failed = [] { return fail(openssl_error(Code::internal, "make key handle", "")); };
  OSSL_PARAM* public_params = nullptr;
  if (EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &public_params) != 1) return failed();
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> public_owner{public_params};
  OSSL_PARAM number[] = {OSSL_PARAM_uint32(key_number_param, &key), OSSL_PARAM_END};
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> params{OSSL_PARAM_merge(public_params, number)};
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context{
      EVP_PKEY_CTX_new_from_name(nullptr, algorithm_of(type), own_properties)};
  EVP_PKEY* handle = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &handle, EVP_PKEY_KEYPAIR, params.get()) <= 0) {
    return failed();
  }
  return EvpKey{handle};
}

}  // namespace tlspool::tls
