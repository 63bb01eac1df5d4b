// SPDX-License-Identifier: Apache-2.0
#include "authz/cache_entry.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "authz/cluster_key.h"
#include "base/handle.h"
#include "base/text.h"

namespace tlspool::authz {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t salt_size = 32;
constexpr std::size_t key_size = 32;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t times_size = 16;
constexpr std::size_t least_sealed = 1 + salt_size + times_size + tag_size;

using Cipher = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

const EVP_CIPHER* aes() {
  static const Cipher cipher{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  return cipher.get();
}

void put_time(std::uint8_t* at, std::int64_t time) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(time) >> (56 - 8 * i));
}

std::int64_t get_time(const std::uint8_t* at) {
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = out << 8 | at[i];
  return static_cast<std::int64_t>(out);
}

/// Key and nonce of one entry.
Result<Secret> entry_secret(const Secret& seals, ByteView salt) {
  return derive_key(seals.bytes(), "tlspool 1 entry", salt, key_size + nonce_size);
}

std::array<std::uint8_t, 33> associated(const EntryKey& key) {
  std::array<std::uint8_t, 33> out{version};
  std::ranges::copy(key, out.begin() + 1);
  return out;
}

/// EVP_CipherUpdate for the associated data, then for the text; false: OpenSSL refused.
bool run(EVP_CIPHER_CTX* context, const Secret& secret, int encrypt, const EntryKey& key, ByteView in, std::uint8_t* out) {
  const auto also = associated(key);
  const ByteView bytes = secret.bytes();
  int size = 0;
  return EVP_CipherInit_ex2(context, aes(), bytes.data(), bytes.data() + key_size, encrypt, nullptr) == 1 &&
         EVP_CipherUpdate(context, nullptr, &size, also.data(), static_cast<int>(also.size())) == 1 &&
         EVP_CipherUpdate(context, out, &size, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

const char* word(Opening opening) {
  switch (opening) {
    case Opening::good: return "good";
    case Opening::malformed: return "malformed";
    case Opening::forged: return "forged";
    case Opening::expired: return "expired";
    case Opening::future: return "from the future";
  }
  return "";
}

Result<EntryBox> EntryBox::make(ByteView key) {
  if (key.size() != derived_key_size) return fail({Code::invalid, "cache key", "", "must have 32 bytes", {}});
  auto names = derive_key(key, "names");
  if (!names) return fail(std::move(names.error()));
  auto seals = derive_key(key, "entries");
  if (!seals) return fail(std::move(seals.error()));
  EntryBox out;
  out.names_ = std::move(*names);
  out.seals_ = std::move(*seals);
  return out;
}

EntryKey EntryBox::key_of(ByteView depends_on) const {
  EntryKey out{};
  unsigned size = 0;
  const ByteView key = names_.bytes();
  // Without memory for it: better no judge than one to whom all questions are the same.
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), depends_on.data(), depends_on.size(), out.data(), &size) == nullptr) std::abort();
  return out;
}

Result<Bytes> EntryBox::seal(const EntryKey& key, const Entry& entry) const {
  if (entry.content.size() > most_entry_content) {
    return fail({Code::invalid, "seal", "cache entry", "has more than " + std::to_string(most_entry_content) + " bytes", {}});
  }
  Bytes plain(times_size);
  put_time(plain.data(), entry.made);
  put_time(plain.data() + 8, entry.expires);
  plain.insert(plain.end(), entry.content.begin(), entry.content.end());
  Bytes out(1 + salt_size + plain.size() + tag_size);
  out[0] = version;
  const auto broken = [] { return fail({Code::internal, "seal", "cache entry", "OpenSSL refused it", {}}); };
  if (RAND_bytes(out.data() + 1, salt_size) != 1) return broken();
  auto secret = entry_secret(seals_, ByteView{out}.subspan(1, salt_size));
  if (!secret) return fail(std::move(secret.error()));
  const CipherContext context{EVP_CIPHER_CTX_new()};
  std::uint8_t* const text = out.data() + 1 + salt_size;
  int size = 0;
  const bool done = context && run(context.get(), *secret, 1, key, plain, text) &&
                    EVP_CipherFinal_ex(context.get(), text + plain.size(), &size) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, text + plain.size()) == 1;
  wipe(plain);  // it may be a ticket key
  if (!done) return broken();
  return out;
}

Opened EntryBox::open(const EntryKey& key, ByteView sealed, std::int64_t now, std::int64_t most_life) const {
  if (sealed.size() < least_sealed || sealed.size() > most_sealed_entry || sealed[0] != version) return {Opening::malformed, {}};
  auto secret = entry_secret(seals_, sealed.subspan(1, salt_size));
  const CipherContext context{EVP_CIPHER_CTX_new()};
  const ByteView text = sealed.subspan(1 + salt_size, sealed.size() - 1 - salt_size - tag_size);
  auto tag = copy_of(sealed.last(tag_size));
  Bytes plain(text.size());
  int size = 0;
  const bool done = secret && context && run(context.get(), *secret, 0, key, text, plain.data()) &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
                    EVP_CipherFinal_ex(context.get(), plain.data() + plain.size(), &size) == 1;
  Opened out{Opening::forged, {}};
  if (done) {
    out.entry.made = get_time(plain.data());
    out.entry.expires = get_time(plain.data() + 8);
    // Compared without sums of what was read: a maker's clock may have been anything.
    if (out.entry.made < 0 || out.entry.expires <= out.entry.made) {
      out.opening = Opening::malformed;
    } else if (out.entry.made > now + most_clock_difference) {
      out.opening = Opening::future;
    } else if (out.entry.expires <= now || out.entry.made <= now - most_life) {
      out.opening = Opening::expired;
    } else {
      out.opening = Opening::good;
      out.entry.expires = std::min(out.entry.expires, out.entry.made + most_life);
      out.entry.content.assign(plain.begin() + times_size, plain.end());
    }
  }
  wipe(plain);
  return out;
}

std::string memcached_name(std::string_view prefix, const EntryKey& key) { return std::string(prefix) + hex(key); }

}  // namespace tlspool::authz
