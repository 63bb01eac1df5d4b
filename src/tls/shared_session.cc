// SPDX-License-Identifier: Apache-2.0
#include "tls/shared_session.h"

#include <algorithm>
#include <array>

namespace tlspool::tls {
namespace {

constexpr std::size_t master_secret_size = 48;

const SSL_CIPHER* suite_of_name(SSL* ssl, const std::string& name) {
  STACK_OF(SSL_CIPHER)* allowed = SSL_get_ciphers(ssl);
  for (int i = 0; i < sk_SSL_CIPHER_num(allowed); ++i) {
    const SSL_CIPHER* suite = sk_SSL_CIPHER_value(allowed, i);
    if (name == SSL_CIPHER_get_name(suite) || name == SSL_CIPHER_standard_name(suite)) return suite;
  }
  return nullptr;
}

// The only way to mark a session as one with the extended master secret is its DER form: flags are [13], and 1 is that
// mark (ssl/ssl_asn1.c of OpenSSL has the module). No part is longer than 127 bytes, so each length is one byte. The master secret in it
// is zeros: what OpenSSL reads out of DER it frees without wiping it.
Bytes der_of_session(std::uint16_t suite, ByteView id) {
  constexpr std::array<std::uint8_t, 7> versions{2, 1, 1, 2, 2, 3, 3};  // of the form, of TLS
  const std::array<std::uint8_t, 4> cipher{4, 2, static_cast<std::uint8_t>(suite >> 8), static_cast<std::uint8_t>(suite)};
  constexpr std::array<std::uint8_t, 5> flags{0xad, 3, 2, 1, 1};
  constexpr std::array<std::uint8_t, master_secret_size> zeros{};
  const std::size_t inside = versions.size() + cipher.size() + 2 + id.size() + 2 + zeros.size() + flags.size();
  Bytes der;
  const auto put = [&](ByteView bytes) { der.insert(der.end(), bytes.begin(), bytes.end()); };
  const auto put_head = [&](std::uint8_t tag, std::size_t size) { put(std::array<std::uint8_t, 2>{tag, static_cast<std::uint8_t>(size)}); };
  put_head(0x30, inside);
  put(versions);
  put(cipher);
  put_head(4, id.size());
  put(id);
  put_head(4, zeros.size());
  put(zeros);
  put(flags);
  return der;
}

}  // namespace

Result<SslSession> external_psk(SSL* ssl, const Secret& psk, std::uint16_t suite, ByteView context) {
  const std::array<unsigned char, 2> number{static_cast<unsigned char>(suite >> 8), static_cast<unsigned char>(suite)};
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, number.data());
  SslSession session{SSL_SESSION_new()};
  const bool made = cipher != nullptr && session && SSL_SESSION_set1_master_key(session.get(), psk.bytes().data(), psk.size()) == 1 &&
                    SSL_SESSION_set_cipher(session.get(), cipher) == 1 &&
                    SSL_SESSION_set1_id_context(session.get(), context.data(), static_cast<unsigned>(context.size())) == 1 &&
                    SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) == 1;
  if (!made) return fail(openssl_error(Code::internal, "make external PSK", ""));
  return session;
}

Result<SslSession> phantom_session(SSL* ssl, const Secret& master_secret, ByteView id, const std::string& suite, MasterSecret kind,
                                   ByteView context) {
  const SSL_CIPHER* cipher = suite_of_name(ssl, suite);
  if (cipher == nullptr) return fail({Code::config, "make phantom session", suite, "no such suite is allowed here", {}});
  if (master_secret.size() != master_secret_size || id.empty() || id.size() > SSL_MAX_SSL_SESSION_ID_LENGTH) {
    return fail({Code::internal, "make phantom session", suite, "the master secret or the session id has another size", {}});
  }
  SslSession session;
  if (kind == MasterSecret::extended) {
    const Bytes der = der_of_session(SSL_CIPHER_get_protocol_id(cipher), id);
    const unsigned char* at = der.data();
    session.reset(d2i_SSL_SESSION(nullptr, &at, static_cast<long>(der.size())));
  } else {
    session.reset(SSL_SESSION_new());
    const bool made = session && SSL_SESSION_set1_id(session.get(), id.data(), static_cast<unsigned>(id.size())) == 1 &&
                      SSL_SESSION_set_cipher(session.get(), cipher) == 1 &&
                      SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION) == 1;
    if (!made) session.reset();
  }
  constexpr long seconds = 24 * 60 * 60;  // it is used at once; a form without a time limit would last 3 seconds
  const bool complete = session && SSL_SESSION_set1_master_key(session.get(), master_secret.bytes().data(), master_secret.size()) == 1 &&
                        SSL_SESSION_set1_id_context(session.get(), context.data(), static_cast<unsigned>(context.size())) == 1 &&
                        SSL_SESSION_set_timeout(session.get(), seconds) != 0;
  if (!complete) return fail(openssl_error(Code::internal, "make phantom session", suite));
  return session;
}

}  // namespace tlspool::tls
