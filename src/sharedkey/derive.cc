// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/derive.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include "tls/openssl.h"

namespace tlspool::sharedkey {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<EVP_KDF_CTX_free>>;

constexpr std::size_t master_secret_bytes = 48;
constexpr std::size_t longest_session_id = 32;  // RFC 5246 section 7.4.1.2

void append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
void append_part(Bytes& out, ByteView part) {
  out.push_back(static_cast<std::uint8_t>(part.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(part.size()));
  out.insert(out.end(), part.begin(), part.end());
}

OSSL_PARAM octets(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

Result<Secret> derive(const char* algorithm, const OSSL_PARAM* parameters, std::size_t size) {
  const Kdf kdf{EVP_KDF_fetch(nullptr, algorithm, nullptr)};
  const KdfContext context{kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr};
  Secret out{size};
  if (!context || EVP_KDF_derive(context.get(), out.writable().data(), size, parameters) != 1) {
    return fail(tls::openssl_error(Code::internal, "derive key", algorithm));
  }
  return out;
}

}  // namespace

Bytes derivation_input(std::string_view client_store, std::string_view server_store, ByteView identity, bool tls13, wire::KeyHash hash) {
  Bytes out;
  append(out, "tlspool derived psk");
  out.push_back(0);
  append_part(out, view(client_store));
  append_part(out, view(server_store));
  append_part(out, identity);
  append_part(out, view(tls13 ? "1.3" : "1.2"));
  append_part(out, view(hash == wire::KeyHash::sha384 ? "sha384" : "sha256"));
  return out;
}

Bytes key_check_input(ByteView nonce, ByteView id) {
  Bytes out;
  append(out, "tlspool key check");
  out.insert(out.end(), nonce.begin(), nonce.end());
  out.insert(out.end(), id.begin(), id.end());
  return out;
}

Result<Secret> phantom_master_secret(ByteView shared_secret, std::string_view seed, wire::KeyHash prf) {
  std::string digest = prf == wire::KeyHash::sha384 ? "SHA384" : "SHA256";
  // OpenSSL's TLS1-PRF takes label and seed as one text.
  const std::string label_and_seed = "shared secret" + std::string(seed);
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0), octets(OSSL_KDF_PARAM_SECRET, shared_secret),
      octets(OSSL_KDF_PARAM_SEED, view(label_and_seed)), OSSL_PARAM_construct_end()};
  return derive("TLS1-PRF", parameters.data(), master_secret_bytes);
}

Result<Bytes> phantom_session_id(ByteView shared_secret, std::string_view user, wire::SessionIdForm form) {
  if (form == wire::SessionIdForm::user) {
    if (user.empty() || user.size() > longest_session_id) {
      return fail({Code::invalid, "session id", "user", "a name that is a session id has 1 to 32 bytes", "use session_id = \"hmac\""});
    }
    return copy_of(view(user));
  }
  Bytes input;
  append(input, "tlspool session id");
  input.push_back(0);
  append(input, user);
  Bytes out(longest_session_id);
  unsigned size = 0;
  if (HMAC(EVP_sha256(), shared_secret.data(), static_cast<int>(shared_secret.size()), input.data(), input.size(), out.data(), &size) == nullptr) {
    return fail(tls::openssl_error(Code::internal, "session id", "user"));
  }
  return out;
}

Result<Secret> stretch_passphrase(ByteView passphrase, std::string_view salt) {
  std::uint64_t n = 1 << 17;
  std::uint32_t r = 8;
  std::uint32_t p = 1;
  std::uint64_t memory = 256ULL << 20;
  const std::array<OSSL_PARAM, 7> parameters = {
      octets(OSSL_KDF_PARAM_PASSWORD, passphrase), octets(OSSL_KDF_PARAM_SALT, view(salt)),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n), OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p), OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
      OSSL_PARAM_construct_end()};
  return derive("SCRYPT", parameters.data(), 32);
}

// Each character counts by its class as long as it is new: what was there before, or follows its neighbour as in "abc"
// and "321", counts for one bit.
double passphrase_bits(std::string_view passphrase) {
  bool lower = false;
  bool upper = false;
  bool digit = false;
  bool other = false;
  for (const char c : passphrase) {
    const auto u = static_cast<unsigned char>(c);
    if (std::islower(u) != 0) lower = true;
    else if (std::isupper(u) != 0) upper = true;
    else if (std::isdigit(u) != 0) digit = true;
    else other = true;
  }
  const double alphabet = (lower ? 26 : 0) + (upper ? 26 : 0) + (digit ? 10 : 0) + (other ? 33 : 0);
  const double each = alphabet > 1 ? std::log2(alphabet) : 1;
  double bits = 0;
  std::set<char> seen;
  char before = 0;
  for (const char c : passphrase) {
    const int step = c - before;
    const bool neighbour = before != 0 && step >= -1 && step <= 1;
    bits += neighbour || !seen.insert(c).second ? 1 : each;
    before = c;
  }
  return bits;
}

}  // namespace tlspool::sharedkey
