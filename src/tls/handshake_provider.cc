// SPDX-License-Identifier: Apache-2.0
#include "tls/handshake_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "tls/dispatch.h"
#include "tls/hmac.h"
#include "tls/openssl.h"
#include "tls/x25519.h"

namespace tlspool::tls {
namespace {

constexpr const char* fast_properties = "provider=tlspool-handshake,tlspool.handshake=yes,tlspool.fast=yes";

ByteView octets(const OSSL_PARAM& p) { return {static_cast<const std::uint8_t*>(p.data), p.data_size}; }

std::string_view utf8(const OSSL_PARAM& p) {
  const auto* text = static_cast<const char*>(p.data);
  return text == nullptr ? std::string_view{} : std::string_view{text, p.data_size == 0 ? std::strlen(text) : strnlen(text, p.data_size)};
}

bool named(const OSSL_PARAM& p, const char* name) { return std::strcmp(p.key, name) == 0; }

// No state lies between a context's birth and derive(): libssl gives everything with that one call.
struct NoContext {};
void* context_new(void*) { return new (std::nothrow) NoContext; }
void context_free(void* context) { delete static_cast<NoContext*>(context); }

// --- TLS 1.3: RFC 8446 section 7.1 ------------------------------------------------------------------------

struct Label {
  ByteView prefix;
  ByteView label;
  ByteView data;
};

// HKDF-Expand (RFC 5869) with a HkdfLabel. False: lengths that have no encoding.
bool expand_label(Hash hash, ByteView secret, const Label& l, std::span<std::uint8_t> out) {
  const std::size_t size = size_of(hash);
  const std::size_t text = l.prefix.size() + l.label.size();
  if (text > 255 || l.data.size() > 255 || out.size() > 255 * size) return false;
  std::array<std::uint8_t, 4 + 255 + 255> info;
  std::uint8_t* at = info.data();
  *at++ = static_cast<std::uint8_t>(out.size() >> 8);
  *at++ = static_cast<std::uint8_t>(out.size());
  *at++ = static_cast<std::uint8_t>(text);
  at = std::copy(l.prefix.begin(), l.prefix.end(), at);
  at = std::copy(l.label.begin(), l.label.end(), at);
  *at++ = static_cast<std::uint8_t>(l.data.size());
  at = std::copy(l.data.begin(), l.data.end(), at);
  const ByteView whole{info.data(), at};
  const Hmac keyed{hash, secret};
  std::array<std::uint8_t, longest_hash> block;
  std::uint8_t counter = 0;
  for (std::size_t done = 0; done < out.size();) {
    Hmac next{keyed};
    if (counter > 0) next.add({block.data(), size});
    next.add(whole);
    ++counter;
    next.add({&counter, 1});
    next.finish(block.data());
    const std::size_t part = std::min(size, out.size() - done);
    std::copy_n(block.data(), part, out.data() + done);
    done += part;
  }
  OPENSSL_cleanse(block.data(), block.size());
  return true;
}

// Derive-Secret(salt, "derived", "") and HKDF-Extract in one, as libssl asks for it.
bool extract(Hash hash, const ByteView* salt, const ByteView* key, const Label& l, std::span<std::uint8_t> out) {
  const std::size_t size = size_of(hash);
  if (out.size() != size) return false;
  constexpr std::array<std::uint8_t, longest_hash> zeros{};
  std::array<std::uint8_t, longest_hash> derived{};
  std::size_t salt_size = 0;
  if (salt != nullptr) {
    const auto nothing = hash_of_nothing(hash);
    salt_size = size;
    if (!expand_label(hash, *salt, {l.prefix, l.label, ByteView{nothing.data(), size}}, {derived.data(), size})) return false;
  }
  Hmac mac{hash, {derived.data(), salt_size}};
  mac.add(key != nullptr ? *key : ByteView{zeros.data(), size});
  mac.finish(out.data());
  OPENSSL_cleanse(derived.data(), derived.size());
  return true;
}

int derive13(void*, unsigned char* out, std::size_t size, const OSSL_PARAM params[]) {
  int mode = -1;
  std::optional<Hash> hash;
  std::optional<ByteView> key;
  std::optional<ByteView> salt;
  Label label;
  for (const OSSL_PARAM* p = params; p != nullptr && p->key != nullptr; ++p) {
    if (named(*p, OSSL_KDF_PARAM_MODE)) {
      if (OSSL_PARAM_get_int(p, &mode) != 1) return 0;
    } else if (named(*p, OSSL_KDF_PARAM_DIGEST)) {
      hash = hash_named(utf8(*p));
    } else if (named(*p, OSSL_KDF_PARAM_KEY)) {
      key = octets(*p);
    } else if (named(*p, OSSL_KDF_PARAM_SALT)) {
      salt = octets(*p);
    } else if (named(*p, OSSL_KDF_PARAM_PREFIX)) {
      label.prefix = octets(*p);
    } else if (named(*p, OSSL_KDF_PARAM_LABEL)) {
      label.label = octets(*p);
    } else if (named(*p, OSSL_KDF_PARAM_DATA)) {
      label.data = octets(*p);
    } else if (!named(*p, OSSL_KDF_PARAM_PROPERTIES)) {
      return 0;
    }
  }
  if (!hash) return 0;
  const std::span<std::uint8_t> into{out, size};
  if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY) return extract(*hash, salt ? &*salt : nullptr, key ? &*key : nullptr, label, into) ? 1 : 0;
  return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && key && expand_label(*hash, *key, label, into) ? 1 : 0;
}

// --- TLS 1.2: RFC 5246 section 5 --------------------------------------------------------------------------

int derive12(void*, unsigned char* out, std::size_t size, const OSSL_PARAM params[]) {
  std::optional<Hash> hash;
  std::optional<ByteView> secret;
  std::array<ByteView, 8> seeds;
  std::size_t count = 0;
  for (const OSSL_PARAM* p = params; p != nullptr && p->key != nullptr; ++p) {
    if (named(*p, OSSL_KDF_PARAM_DIGEST)) {
      hash = hash_named(utf8(*p));
    } else if (named(*p, OSSL_KDF_PARAM_SECRET)) {
      secret = octets(*p);
    } else if (named(*p, OSSL_KDF_PARAM_SEED)) {
      if (count == seeds.size()) return 0;
      seeds[count++] = octets(*p);
    } else if (!named(*p, OSSL_KDF_PARAM_PROPERTIES)) {
      return 0;
    }
  }
  if (!hash || !secret || count == 0) return 0;
  const std::size_t hash_size = size_of(*hash);
  const auto add_seed = [&](Hmac& mac) {
    for (std::size_t i = 0; i < count; ++i) mac.add(seeds[i]);
  };
  const Hmac keyed{*hash, *secret};
  std::array<std::uint8_t, longest_hash> a;
  std::array<std::uint8_t, longest_hash> block;
  Hmac first{keyed};
  add_seed(first);
  first.finish(a.data());
  for (std::size_t done = 0; done < size;) {
    Hmac mac{keyed};
    mac.add({a.data(), hash_size});
    Hmac next{mac};
    add_seed(mac);
    mac.finish(block.data());
    next.finish(a.data());
    const std::size_t part = std::min(hash_size, size - done);
    std::copy_n(block.data(), part, out + done);
    done += part;
  }
  OPENSSL_cleanse(a.data(), a.size());
  OPENSSL_cleanse(block.data(), block.size());
  return 1;
}

// --- HMAC: Finished and tickets ---------------------------------------------------------------------------

struct Mac {
  std::optional<Hash> hash;
  std::optional<Hmac> hmac;
};

Mac* as_mac(void* context) { return static_cast<Mac*>(context); }
void* mac_new(void*) { return new (std::nothrow) Mac; }
void mac_free(void* context) { delete as_mac(context); }

void* mac_copy(void* context) {
  const Mac* from = as_mac(context);
  auto* out = new (std::nothrow) Mac;
  if (out == nullptr) return nullptr;
  out->hash = from->hash;
  if (from->hmac) out->hmac.emplace(*from->hmac);
  return out;
}

int mac_set(void* context, const OSSL_PARAM params[]) {
  Mac* mac = as_mac(context);
  const OSSL_PARAM* key = nullptr;
  for (const OSSL_PARAM* p = params; p != nullptr && p->key != nullptr; ++p) {
    if (named(*p, OSSL_MAC_PARAM_DIGEST)) {
      mac->hash = hash_named(utf8(*p));
      if (!mac->hash) return 0;
    } else if (named(*p, OSSL_MAC_PARAM_KEY)) {
      key = p;
    } else if (!named(*p, OSSL_MAC_PARAM_PROPERTIES)) {
      return 0;
    }
  }
  if (key == nullptr) return 1;
  if (!mac->hash) return 0;
  mac->hmac.emplace(*mac->hash, octets(*key));
  return 1;
}

int mac_init(void* context, const unsigned char* key, std::size_t size, const OSSL_PARAM params[]) {
  Mac* mac = as_mac(context);
  if (mac_set(mac, params) != 1) return 0;
  if (key == nullptr) return mac->hmac ? 1 : 0;
  if (!mac->hash) return 0;
  mac->hmac.emplace(*mac->hash, ByteView{key, size});
  return 1;
}

int mac_update(void* context, const unsigned char* data, std::size_t size) {
  Mac* mac = as_mac(context);
  if (!mac->hmac) return 0;
  mac->hmac->add({data, size});
  return 1;
}

int mac_final(void* context, unsigned char* out, std::size_t* size, std::size_t room) {
  Mac* mac = as_mac(context);
  if (!mac->hmac || room < mac->hmac->size()) return 0;
  mac->hmac->finish(out);
  *size = mac->hmac->size();
  mac->hmac.reset();
  return 1;
}

const OSSL_PARAM* mac_settable(void*, void*) {
  static const OSSL_PARAM settable[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, nullptr, 0),
                                        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, nullptr, 0), OSSL_PARAM_END};
  return settable;
}

int mac_get(void* context, OSSL_PARAM params[]) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_SIZE);
  const Mac* mac = as_mac(context);
  return p == nullptr || OSSL_PARAM_set_size_t(p, mac->hash ? size_of(*mac->hash) : 0) == 1 ? 1 : 0;
}

const OSSL_PARAM* mac_gettable(void*, void*) {
  static const OSSL_PARAM gettable[] = {OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, nullptr), OSSL_PARAM_END};
  return gettable;
}

// --- tables -----------------------------------------------------------------------------------------------

const OSSL_DISPATCH kdf13_functions[] = {served(OSSL_FUNC_KDF_NEWCTX, context_new), served(OSSL_FUNC_KDF_FREECTX, context_free),
                                         served(OSSL_FUNC_KDF_DERIVE, derive13), {0, nullptr}};
const OSSL_DISPATCH prf12_functions[] = {served(OSSL_FUNC_KDF_NEWCTX, context_new), served(OSSL_FUNC_KDF_FREECTX, context_free),
                                         served(OSSL_FUNC_KDF_DERIVE, derive12), {0, nullptr}};
const OSSL_DISPATCH mac_functions[] = {
    served(OSSL_FUNC_MAC_NEWCTX, mac_new),           served(OSSL_FUNC_MAC_FREECTX, mac_free),
    served(OSSL_FUNC_MAC_DUPCTX, mac_copy),          served(OSSL_FUNC_MAC_INIT, mac_init),
    served(OSSL_FUNC_MAC_UPDATE, mac_update),        served(OSSL_FUNC_MAC_FINAL, mac_final),
    served(OSSL_FUNC_MAC_SET_CTX_PARAMS, mac_set),   served(OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS, mac_settable),
    served(OSSL_FUNC_MAC_GET_CTX_PARAMS, mac_get),   served(OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS, mac_gettable),
    {0, nullptr},
};
const OSSL_ALGORITHM kdf_algorithms[] = {{"TLS13-KDF", fast_properties, kdf13_functions, nullptr},
                                         {"TLS1-PRF", fast_properties, prf12_functions, nullptr},
                                         {nullptr, nullptr, nullptr, nullptr}};
const OSSL_ALGORITHM mac_algorithms[] = {{"HMAC", fast_properties, mac_functions, nullptr}, {nullptr, nullptr, nullptr, nullptr}};

const OSSL_ALGORITHM x25519_key_algorithms[] = {{"X25519", fast_properties, x25519_keys(), nullptr}, {nullptr, nullptr, nullptr, nullptr}};
const OSSL_ALGORITHM x25519_exchange_algorithms[] = {{"X25519", fast_properties, x25519_exchange(), nullptr}, {nullptr, nullptr, nullptr, nullptr}};

const OSSL_ALGORITHM* query_handshake(void*, int operation, int* no_cache) {
  *no_cache = 0;
  if (operation == OSSL_OP_KDF) return kdf_algorithms;
  if (operation == OSSL_OP_MAC) return mac_algorithms;
  if (operation == OSSL_OP_KEYMGMT) return x25519_key_algorithms;
  if (operation == OSSL_OP_KEYEXCH) return x25519_exchange_algorithms;
  return nullptr;
}

int tell_capabilities(void*, const char* capability, OSSL_CALLBACK* tell, void* argument) {
  return OPENSSL_strcasecmp(capability, "TLS-GROUP") == 0 ? x25519_group(tell, argument) : 0;
}

const OSSL_DISPATCH handshake_functions[] = {served(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_handshake),
                                            served(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, tell_capabilities), {0, nullptr}};

int handshake_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
  *out = handshake_functions;
  *context = const_cast<OSSL_CORE_HANDLE*>(handle);
  return 1;
}

}  // namespace

Status load_handshake_provider() {
  using Provider = std::unique_ptr<OSSL_PROVIDER, Freed<OSSL_PROVIDER_unload>>;
  if (auto started = start_x25519(); !started) return started;
  static const bool added = OSSL_PROVIDER_add_builtin(nullptr, "tlspool-handshake", handshake_init) == 1;
  static const Provider standard{OSSL_PROVIDER_load(nullptr, "default")};  // whoever loads one is not given it any more
  static const Provider own{added ? OSSL_PROVIDER_load(nullptr, "tlspool-handshake") : nullptr};
  return standard && own ? Status{} : fail(openssl_error(Code::internal, "load handshake provider", ""));
}

}  // namespace tlspool::tls
