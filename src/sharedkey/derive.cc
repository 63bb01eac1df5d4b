// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/derive.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include <memory>
#include <string>

#include "base/handle.h"
#include "base/text.h"

namespace tlspool::sharedkey {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<EVP_KDF_CTX_free>>;

Bytes begun(std::string_view purpose) {
  Bytes out = copy_of(view(purpose));
  out.push_back(0);
  return out;
}

std::string_view name_of(wire::KeyHash hash) {
  switch (hash) {
    case wire::KeyHash::sha256: return "sha256";
    case wire::KeyHash::sha384: return "sha384";
  }
  return {};
}

tl::unexpected<Error> refuse(Code code, std::string operation, std::string reason, std::string advice = {}) {
  return fail({code, std::move(operation), "shared secret", std::move(reason), std::move(advice)});
}

}  // namespace

Bytes derivation_input(std::string_view client_store, std::string_view server_store, ByteView identity, bool tls13,
                       wire::KeyHash hash) {
  Bytes out = begun("tlspool derived psk");
  append_sized(out, view(client_store));
  append_sized(out, view(server_store));
  append_sized(out, identity);
  append_sized(out, view(tls13 ? "1.3" : "1.2"));
  append_sized(out, view(name_of(hash)));
  return out;
}

Bytes key_check_input(ByteView nonce, ByteView id) {
  Bytes out = begun("tlspool key check");
  append_sized(out, nonce);
  append_sized(out, id);
  return out;
}

Result<Secret> phantom_master_secret(ByteView shared_secret, std::string_view seed, wire::KeyHash prf) {
  if (shared_secret.empty()) return refuse(Code::invalid, "derive master secret", "is empty");
  std::string label_and_seed = "shared secret";
  label_and_seed += seed;
  std::string digest(name_of(prf));
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, const_cast<std::uint8_t*>(shared_secret.data()), shared_secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label_and_seed.data(), label_and_seed.size()),
      OSSL_PARAM_construct_end()};
  const Kdf kdf{EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_TLS1_PRF, nullptr)};
  const KdfContext context{kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr};
  Secret out(48);
  if (!context || EVP_KDF_derive(context.get(), out.writable().data(), out.size(), params) != 1)
    return refuse(Code::internal, "derive master secret", "OpenSSL's TLS1-PRF failed", "a seed has at most 1000 bytes");
  return out;
}

Result<Bytes> phantom_session_id(ByteView shared_secret, std::string_view user, wire::SessionIdForm form) {
  if (user.empty()) return refuse(Code::invalid, "make session id", "the user has no name");
  switch (form) {
    case wire::SessionIdForm::user:
      if (user.size() > 32)
        return fail({Code::invalid, "make session id", "user " + printable(user), "has more than 32 bytes", "set session_id = \"hmac\""});
      return copy_of(view(user));
    case wire::SessionIdForm::hmac: break;
  }
  if (shared_secret.empty()) return refuse(Code::invalid, "make session id", "is empty");
  Bytes text = begun("tlspool session id");
  text.insert(text.end(), user.begin(), user.end());
  Bytes out(32);
  unsigned size = 0;
  if (HMAC(EVP_sha256(), shared_secret.data(), static_cast<int>(shared_secret.size()), text.data(), text.size(), out.data(), &size) == nullptr ||
      size != out.size())
    return refuse(Code::internal, "make session id", "OpenSSL's HMAC failed");
  return out;
}

Result<Secret> stretch_passphrase(ByteView passphrase, std::string_view salt) {
  if (passphrase.empty()) return refuse(Code::invalid, "stretch passphrase", "is empty");
  constexpr std::uint64_t cost = 1u << 17, block = 8, parallel = 1, memory = 192u << 20;
  Secret out(32);
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                     reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), cost, block, parallel, memory,
                     out.writable().data(), out.size()) != 1)
    return refuse(Code::internal, "stretch passphrase", "OpenSSL's scrypt failed", "it takes 128 MiB of memory");
  return out;
}

}  // namespace tlspool::sharedkey
