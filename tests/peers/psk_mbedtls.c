// SPDX-License-Identifier: Apache-2.0
// A PSK peer of TLS 1.2 by mbedTLS 2.28, which has no other version with PSK. See psk_peer.h. Its client shows no
// identity hint to the program, and its server sends none.
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

#include "psk_peer.h"

static void check(const char* what, int result) {
  if (result == 0) return;
  char text[256];
  mbedtls_strerror(result, text, sizeof text);
  peer_fail(what, text);
}

static int server_key(void* unused, mbedtls_ssl_context* ssl, const unsigned char* identity, size_t size) {
  (void)unused;
  char text[1024];
  unsigned char key[sizeof peer.key];
  snprintf(text, sizeof text, "%.*s", (int)size, (const char*)identity);
  const unsigned key_size = peer_key_of(text, key, sizeof key);
  const int result = key_size == 0 ? -1 : mbedtls_ssl_set_hs_psk(ssl, key, key_size);
  explicit_bzero(key, sizeof key);
  return result;
}

static int get(void* session, char* out, int room) {
  const int size = mbedtls_ssl_read((mbedtls_ssl_context*)session, (unsigned char*)out, (size_t)room);
  return size == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : size == 0 ? -1 : size;
}

static int put(void* session, const char* data, int size) {
  return mbedtls_ssl_write((mbedtls_ssl_context*)session, (const unsigned char*)data, (size_t)size);
}

int main(int argc, char** argv) {
  peer_start(argc, argv);
  if (peer.hint != NULL) peer_fail("hint", "mbedTLS sends none");
  const int suites[] = {mbedtls_ssl_get_ciphersuite_id(peer.suite), 0};
  if (suites[0] == 0) peer_fail("suite", "mbedTLS does not have it");

  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
  mbedtls_net_context net;
  mbedtls_net_init(&net);
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&random);
  mbedtls_ssl_config_init(&config);
  mbedtls_ssl_init(&ssl);
  check("random", mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0));
  check("defaults", mbedtls_ssl_config_defaults(&config, peer.server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                                MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
  mbedtls_ssl_conf_ciphersuites(&config, suites);
  mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
  if (peer.server)
    mbedtls_ssl_conf_psk_cb(&config, server_key, NULL);
  else
    check("identity", mbedtls_ssl_conf_psk(&config, peer.key, peer.key_size, (const unsigned char*)peer.identity, strlen(peer.identity)));
  check("session", mbedtls_ssl_setup(&ssl, &config));
  peer_connect();
  net.fd = peer.fd;
  mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
  check("handshake", mbedtls_ssl_handshake(&ssl));
  peer_agreed(mbedtls_ssl_get_version(&ssl), mbedtls_ssl_get_ciphersuite(&ssl));
  peer_talk(&ssl, get, put);
  mbedtls_ssl_close_notify(&ssl);
  mbedtls_ssl_free(&ssl);
  mbedtls_ssl_config_free(&config);
  mbedtls_ctr_drbg_free(&random);
  mbedtls_entropy_free(&entropy);
  mbedtls_net_free(&net);
  return 0;
}
