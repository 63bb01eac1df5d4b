// SPDX-License-Identifier: Apache-2.0
#include "worker/tie.h"

#include "worker/connection.h"

namespace tlspool::worker {
namespace {

Tie* tie_of(SSL* ssl) {
  Connection* c = Connection::of(ssl);
  return c == nullptr ? nullptr : c->tie.get();
}

// A client's own value; a server's proof: the value in the hello that it gave up, or that it sent none.
int add_value(SSL* ssl, unsigned, unsigned context, const unsigned char** out, std::size_t* size, X509*, std::size_t, int*, void*) {
  const Tie* tie = tie_of(ssl);
  if (tie == nullptr) return 0;
  const bool client = context == SSL_EXT_CLIENT_HELLO;
  const tls::TieBreaker& value = client || tie->hello_sent ? tie->own : tls::server_only;
  *out = value.data();
  *size = value.size();
  return 1;
}

// The server's hello entered no transcript. Here it is compared with what the server says, in the transcript, that it sent.
int parse_value(SSL* ssl, unsigned, unsigned context, const unsigned char* data, std::size_t size, X509*, std::size_t, int* alert, void*) {
  Tie* tie = tie_of(ssl);
  if (tie == nullptr) return 1;  // the number is private: here it may stand for something else
  tls::TieBreaker value;
  if (!tls::read_tie_breaker({data, size}, value)) {
    tie->problem = "the peer's tie-breaker does not have 32 bytes";
    *alert = SSL_AD_DECODE_ERROR;
    return 0;
  }
  if (context == SSL_EXT_CLIENT_HELLO) return 1;  // read before, by tls::HelloReader
  if (value != tie->seen.value_or(tls::server_only)) {
    tie->problem = "the peer says that it sent another hello than the one that came: somebody changes what the two sides send";
    *alert = SSL_AD_ILLEGAL_PARAMETER;
    return 0;
  }
  tie->proved = true;
  return 1;
}

}  // namespace

Status add_tie_breaker(SSL_CTX* context, std::uint16_t extension) {
  constexpr unsigned where = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
  if (SSL_CTX_add_custom_ext(context, extension, where, add_value, nullptr, nullptr, parse_value, nullptr) == 1) return {};
  return fail(tls::openssl_error(Code::internal, "add the tie-breaker extension", std::to_string(extension)));
}

}  // namespace tlspool::worker
