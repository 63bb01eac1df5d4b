// SPDX-License-Identifier: Apache-2.0
// A PSK peer of TLS 1.2 by BoringSSL, which has no command for it and no external PSK of TLS 1.3. See psk_peer.h.
#include "psk_peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#if !defined(OPENSSL_IS_BORINGSSL)
#error "These are not BoringSSL's headers."
#endif

namespace {

[[noreturn]] void fail(const char* what) {
  ERR_print_errors_fp(stderr);
  peer_fail(what, "BoringSSL says why above");
  std::abort();
}

unsigned client_key(SSL*, const char* hint, char* identity, unsigned longest, std::uint8_t* key, unsigned room) {
  peer_saw_hint(hint);
  return peer_give_identity(identity, longest, key, room);
}

unsigned server_key(SSL*, const char* identity, std::uint8_t* key, unsigned room) {
  return peer_key_of(identity, key, room);
}

int get(void* session, char* out, int room) {
  auto* ssl = static_cast<SSL*>(session);
  const int size = SSL_read(ssl, out, room);
  if (size > 0) return size;
  if (SSL_get_error(ssl, size) == SSL_ERROR_ZERO_RETURN) return 0;
  ERR_print_errors_fp(stderr);
  return -1;
}

int put(void* session, const char* data, int size) {
  return SSL_write(static_cast<SSL*>(session), data, size);
}

}  // namespace

int main(int argc, char** argv) {
  peer_start(argc, argv);
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) != 1)
    fail("version");
  if (SSL_CTX_set_strict_cipher_list(context, peer.suite) != 1) fail("suite");
  if (peer.hint != nullptr && SSL_CTX_use_psk_identity_hint(context, peer.hint) != 1) fail("hint");
  SSL_CTX_set_psk_client_callback(context, client_key);
  SSL_CTX_set_psk_server_callback(context, server_key);
  peer_connect();
  SSL* ssl = SSL_new(context);
  if (ssl == nullptr || SSL_set_fd(ssl, peer.fd) != 1) fail("session");
  if ((peer.server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1) fail("handshake");
  peer_agreed(SSL_get_version(ssl), SSL_get_cipher_name(ssl));
  peer_talk(ssl, get, put);
  SSL_shutdown(ssl);
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(peer.fd);
}
