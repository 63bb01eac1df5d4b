// SPDX-License-Identifier: Apache-2.0
#include "authz/cluster_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/handle.h"
#include "base/text.h"

namespace tlspool::authz {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<EVP_KDF_CTX_free>>;

tl::unexpected<Error> refuse(std::string_view file, std::string reason) {
  return fail({Code::config, "cluster key", std::string(file), std::move(reason), "make one with: openssl rand -hex -out FILE 32"});
}

bool is_text(ByteView content) {
  return std::ranges::all_of(content, [](std::uint8_t c) { return c == '\n' || c == '\r' || c == '\t' || (c >= 0x20 && c < 0x7f); });
}

ByteView without_end_of_line(ByteView content) {
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content = content.first(content.size() - 1);
  return content;
}

}  // namespace

Result<Secret> read_cluster_key(ByteView content, std::string_view file) {
  if (content.size() > most_cluster_key) return refuse(file, "has more than " + std::to_string(most_cluster_key) + " bytes");
  Secret key;
  // 32 random bytes are all printable once in 10^13 files; what is text is digits, or somebody's words.
  if (is_text(content)) {
    auto bytes = unhex(text_of(without_end_of_line(content)));
    if (!bytes) return refuse(file, "is text, but not hexadecimal digits");
    key = Secret{ByteView{*bytes}};
    wipe(*bytes);
  } else {
    key = Secret{content};
  }
  if (key.size() < least_cluster_key) {
    return refuse(file, "has " + std::to_string(key.size()) + " bytes, and " + std::to_string(least_cluster_key) + " are the least");
  }
  const ByteView bytes = key.bytes();
  if (std::ranges::all_of(bytes, [&](std::uint8_t b) { return b == bytes.front(); })) return refuse(file, "is one byte repeated");
  return key;
}

Result<Secret> derive_key(ByteView key, std::string_view purpose, ByteView salt, std::size_t size) {
  static const Kdf kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
  const KdfContext context{kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr};
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(key.data()), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(purpose.data()), purpose.size()),
      salt.empty() ? OSSL_PARAM_construct_end()
                   : OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<std::uint8_t*>(salt.data()), salt.size()),
      OSSL_PARAM_construct_end()};
  Secret out{size};
  if (!context || EVP_KDF_derive(context.get(), out.writable().data(), out.size(), parameters) != 1) {
    return fail({Code::internal, "HKDF", "cluster key", "OpenSSL refused it", {}});
  }
  return out;
}

}  // namespace tlspool::authz
