// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>

namespace tlspool::tls {
namespace {

using Keys = std::shared_ptr<const TicketKeys>;
using Cipher = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;

void free_keys(void*, void* keys, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Keys*>(keys); }

int keys_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_keys);
  return index;
}

const EVP_CIPHER* aes() {
  static const Cipher cipher{EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)};
  return cipher.get();
}

bool start_mac(EVP_MAC_CTX* mac, ByteView key) {
  const ByteView part = key.subspan(TicketKeys::name_size, TicketKeys::part_size);
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<std::uint8_t*>(part.data()), part.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

const unsigned char* aes_part(ByteView key) { return key.data() + TicketKeys::name_size + TicketKeys::part_size; }

// OpenSSL's answers: 1 go on, 2 go on and make a new ticket, 0 not our key, negative: broken.
int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int make) {
  // Of one worker's policy all contexts have the same keys: which of them the server name has chosen makes no difference.
  const auto* held = static_cast<const Keys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  if (held == nullptr) return -1;
  const TicketKeys& keys = **held;
  if (make == 1) {
    const ByteView key = keys.current();
    std::copy_n(key.data(), TicketKeys::name_size, name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes())) != 1) return -1;
    return EVP_EncryptInit_ex2(cipher, aes(), aes_part(key), iv, nullptr) == 1 && start_mac(mac, key) ? 1 : -1;
  }
  const ByteView key = keys.find(name);
  if (key.empty()) return 0;
  if (!start_mac(mac, key) || EVP_DecryptInit_ex2(cipher, aes(), aes_part(key), iv, nullptr) != 1) return -1;
  // In TLS 1.3 each connection gets a new ticket, as without this function.
  return key.data() == keys.current().data() && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

}  // namespace

Result<std::shared_ptr<const TicketKeys>> TicketKeys::make(ByteView current, const std::vector<Bytes>& old) {
  auto out = std::make_shared<TicketKeys>();
  out->keys_.emplace_back(current);
  for (const Bytes& key : old) out->keys_.emplace_back(ByteView{key});
  const bool fit = std::ranges::all_of(out->keys_, [](const Secret& key) { return key.size() == key_size; });
  if (!fit) return fail({Code::internal, "use ticket keys", "", "each must have 80 bytes", {}});
  return std::shared_ptr<const TicketKeys>(std::move(out));
}

ByteView TicketKeys::find(const unsigned char* name) const {
  for (const Secret& key : keys_) {
    if (std::equal(name, name + name_size, key.bytes().data())) return key.bytes();
  }
  return {};
}

Status use_ticket_keys(SSL_CTX* context, std::shared_ptr<const TicketKeys> keys) {
  auto held = std::make_unique<Keys>(std::move(keys));
  if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key) != 1 || SSL_CTX_set_ex_data(context, keys_index(), held.get()) != 1) {
    return fail(openssl_error(Code::internal, "use ticket keys", ""));
  }
  (void)held.release();
  return {};
}

bool offers_own_ticket(SSL* ssl) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  const auto* held = static_cast<const Keys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  return held != nullptr && SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &ticket, &size) == 1 && size >= TicketKeys::name_size &&
         !(*held)->find(ticket).empty();
}

}  // namespace tlspool::tls
