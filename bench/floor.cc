// SPDX-License-Identifier: Apache-2.0
// What OpenSSL alone takes for a server's side of a TLS 1.3 handshake with the suite and key share of bench-load: no
// pool, no sockets, no token. The key of the certificate lies in memory. Prints one JSON line of microseconds of CPU:
//   bench-floor CERTIFICATE_AND_KEY_PEM SECONDS
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "client.h"
#include "measure.h"

namespace {

using namespace bench;

constexpr std::array<unsigned char, 32> secret{1, 2, 3};
constexpr unsigned char name[] = "pkcs:object=hsm.load.example;id=1";
constexpr unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};

Session psk_of(SSL* ssl) {
  Session made{SSL_SESSION_new()};
  SSL_SESSION_set_cipher(made.get(), SSL_CIPHER_find(ssl, aes_128_gcm_sha256));
  SSL_SESSION_set_protocol_version(made.get(), TLS1_3_VERSION);
  SSL_SESSION_set1_master_key(made.get(), secret.data(), secret.size());
  return made;
}

int use_psk(SSL* ssl, const EVP_MD*, const unsigned char** identity, std::size_t* size, SSL_SESSION** session) {
  *identity = name;
  *size = sizeof name - 1;
  *session = psk_of(ssl).release();
  return 1;
}

int find_psk(SSL* ssl, const unsigned char*, std::size_t, SSL_SESSION** session) {
  *session = psk_of(ssl).release();
  return 1;
}

enum class By { certificate, psk };

// Microseconds that the server's steps took; below 0 where the handshake failed.
double handshake(SSL_CTX* of_client, SSL_CTX* of_server, By by) {
  BIO* here = nullptr;
  BIO* there = nullptr;
  if (BIO_new_bio_pair(&here, 64 * 1024, &there, 64 * 1024) != 1) return -1;
  const Ssl client{SSL_new(of_client)};
  SSL_set_bio(client.get(), here, here);
  if (by == By::psk) SSL_set_psk_use_session_callback(client.get(), use_psk);
  SSL_set_connect_state(client.get());
  double spent = 0;
  double start = cpu_now();
  Ssl server{SSL_new(of_server)};
  SSL_set_bio(server.get(), there, there);
  if (by == By::psk) {
    SSL_set_psk_find_session_callback(server.get(), find_psk);
    SSL_set_num_tickets(server.get(), 0);
  }
  SSL_set_accept_state(server.get());
  spent += cpu_now() - start;
  for (int steps = 0; steps < 10 && SSL_is_init_finished(server.get()) != 1; ++steps) {
    SSL_do_handshake(client.get());
    start = cpu_now();
    SSL_do_handshake(server.get());
    spent += cpu_now() - start;
  }
  const bool good = SSL_is_init_finished(server.get()) == 1 && (SSL_session_reused(server.get()) == 1) == (by == By::psk);
  start = cpu_now();
  SSL_shutdown(server.get());
  server.reset();
  return good ? spent + cpu_now() - start : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc == 3 ? std::atof(argv[2]) : 0;
  if (seconds <= 0) {
    std::fprintf(stderr, "usage: bench-floor CERTIFICATE_AND_KEY_PEM SECONDS\n");
    return 2;
  }
  const Context of_client = client_context(TLS1_3_VERSION);
  const Context of_server{SSL_CTX_new(TLS_server_method())};
  if (SSL_CTX_use_certificate_file(of_server.get(), argv[1], SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(of_server.get(), argv[1], SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    return 1;
  }
  std::vector<double> full;
  std::vector<double> psk;
  for (const double end = cpu_now() + seconds * 1e6; cpu_now() < end;) {
    full.push_back(handshake(of_client.get(), of_server.get(), By::certificate));
    psk.push_back(handshake(of_client.get(), of_server.get(), By::psk));
    if (full.back() < 0 || psk.back() < 0) {
      ERR_print_errors_fp(stderr);
      return 1;
    }
  }
  std::printf("{\"full13\": %.2f, \"psk13\": %.2f}\n", median(full), median(psk));
  return 0;
}
