// SPDX-License-Identifier: Apache-2.0
// A PSK peer by wolfSSL: TLS 1.3 where the suite's name says so, else 1.2. See psk_peer.h.
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/dh.h>

#include "psk_peer.h"

static void fail(const char* what, int code) {
  char text[WOLFSSL_MAX_ERROR_SZ];
  wolfSSL_ERR_error_string_n((unsigned long)code, text, sizeof text);
  peer_fail(what, text);
}

static unsigned client_key(WOLFSSL* ssl, const char* hint, char* identity, unsigned longest, unsigned char* key, unsigned room) {
  (void)ssl;
  peer_saw_hint(hint);
  return peer_give_identity(identity, longest, key, room);
}

static unsigned client_key13(WOLFSSL* ssl, const char* hint, char* identity, unsigned longest, unsigned char* key, unsigned room,
                             const char** suite) {
  *suite = peer.suite;
  return client_key(ssl, hint, identity, longest, key, room);
}

static unsigned server_key(WOLFSSL* ssl, const char* identity, unsigned char* key, unsigned room) {
  (void)ssl;
  return peer_key_of(identity, key, room);
}

static unsigned server_key13(WOLFSSL* ssl, const char* identity, unsigned char* key, unsigned room, const char** suite) {
  *suite = peer.suite;
  return server_key(ssl, identity, key, room);
}

static int get(void* session, char* out, int room) {
  const int size = wolfSSL_read((WOLFSSL*)session, out, room);
  if (size > 0) return size;
  return wolfSSL_get_error((WOLFSSL*)session, size) == WOLFSSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static int put(void* session, const char* data, int size) { return wolfSSL_write((WOLFSSL*)session, data, size); }

static WOLFSSL_CTX* make_context(bool tls13) {
  WOLFSSL_METHOD* method = NULL;
  if (tls13)
    method = peer.server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method();
  else
    method = peer.server ? wolfTLSv1_2_server_method() : wolfTLSv1_2_client_method();
  WOLFSSL_CTX* context = wolfSSL_CTX_new(method);
  if (context == NULL) peer_fail("context", "none");
  if (tls13) {
    wolfSSL_CTX_set_psk_client_tls13_callback(context, client_key13);
    wolfSSL_CTX_set_psk_server_tls13_callback(context, server_key13);
  } else {
    wolfSSL_CTX_set_psk_client_callback(context, client_key);
    wolfSSL_CTX_set_psk_server_callback(context, server_key);
  }
  // Else a server has a group for DHE only where the client offers one by name (RFC 7919), and ours offers none.
  const DhParams* group = wc_Dh_ffdhe2048_Get();
  if (peer.server && !tls13 && wolfSSL_CTX_SetTmpDH(context, group->p, (int)group->p_len, group->g, (int)group->g_len) != WOLFSSL_SUCCESS)
    peer_fail("group", "wolfSSL refuses it");
  // wolfSSL 5.5.4 offers X25519 for ECDHE-PSK of TLS 1.2 and then fails ("Bad ECC Peer Key") when the server takes it.
  if (!peer.server && !tls13 && wolfSSL_CTX_UseSupportedCurve(context, WOLFSSL_ECC_SECP256R1) != WOLFSSL_SUCCESS)
    peer_fail("group", "wolfSSL refuses P-256");
  if (wolfSSL_CTX_set_cipher_list(context, peer.suite) != WOLFSSL_SUCCESS) peer_fail("suite", "wolfSSL does not have it");
  if (peer.hint != NULL && wolfSSL_CTX_use_psk_identity_hint(context, peer.hint) != WOLFSSL_SUCCESS) peer_fail("hint", peer.hint);
  return context;
}

int main(int argc, char** argv) {
  peer_start(argc, argv);
  wolfSSL_Init();
  WOLFSSL_CTX* context = make_context(strncmp(peer.suite, "TLS13-", 6) == 0);
  peer_connect();
  WOLFSSL* ssl = wolfSSL_new(context);
  if (ssl == NULL || wolfSSL_set_fd(ssl, peer.fd) != WOLFSSL_SUCCESS) peer_fail("session", "none");
  const int done = peer.server ? wolfSSL_accept(ssl) : wolfSSL_connect(ssl);
  if (done != WOLFSSL_SUCCESS) fail("handshake", wolfSSL_get_error(ssl, done));
  peer_agreed(wolfSSL_get_version(ssl), wolfSSL_get_cipher_name(ssl));
  peer_talk(ssl, get, put);
  wolfSSL_shutdown(ssl);
  wolfSSL_free(ssl);
  wolfSSL_CTX_free(context);
  wolfSSL_Cleanup();
  close(peer.fd);
  return 0;
}
