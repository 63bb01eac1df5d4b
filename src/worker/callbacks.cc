// SPDX-License-Identifier: Apache-2.0
#include "worker/callbacks.h"

#include <ctime>

#include "base/text.h"
#include "tls/names.h"
#include "transport/stream_pump.h"
#include "worker/client_sessions.h"
#include "worker/connection.h"
#include "worker/handshake.h"

namespace tlspool::worker {
namespace {

// RFC 6066 section 3: a list with one host_name entry. Empty where there is none.
std::string server_name_of(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1 || size < 5) return {};
  const std::size_t list = data[0] << 8 | data[1];
  const std::size_t name = data[3] << 8 | data[4];
  if (list != size - 2 || data[2] != TLSEXT_NAMETYPE_host_name || name != size - 5) return {};
  auto normal = normal_host(text_of({data + 5, name}));
  return normal ? *normal : std::string{};
}

// Before anything else of the hello is used, session resumption included: so a ticket is looked at under the
// identity that it was made for.
int choose_identity(SSL* ssl, int* alert, void*) {
  Connection* c = Connection::of(ssl);
  if (c->local_identity.empty()) {
    const std::string name = server_name_of(ssl);
    const Policy& policy = *c->policy;
    const Policy::Identity* identity =
        name.empty() ? policy.find(policy.setup().default_identity) : policy.serving(name, c->caller);
    if (identity == nullptr || !policy.allows(c->caller, identity->setup->name, wire::role_server)) {
      c->refused_name = name.empty() ? "(none)" : printable(name);
      *alert = SSL_AD_UNRECOGNIZED_NAME;
      return SSL_CLIENT_HELLO_ERROR;
    }
    c->local_identity = identity->setup->name;
    if (!identity->context) {
      c->handshake->token_problem(identity->problem);
      *alert = SSL_AD_INTERNAL_ERROR;
      return SSL_CLIENT_HELLO_ERROR;
    }
    SSL_set_SSL_CTX(ssl, identity->context.get());
  }
  bind_tickets(ssl, *c);
  return SSL_CLIENT_HELLO_SUCCESS;
}

int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned in_size, void*) {
  Connection* c = Connection::of(ssl);
  if (c->request.alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
  const int rc = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, c->request.alpn.data(),
                                       static_cast<unsigned>(c->request.alpn.size()), in, in_size);
  if (rc == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
  c->alpn_mismatch = true;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int verify_chain(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Connection* c = ssl == nullptr ? nullptr : Connection::of(ssl);
  // Only a handshake of ours may accept a chain: post-handshake authentication is not offered.
  if (c == nullptr || c->handshake == nullptr) return 0;
  // A client's OpenSSL asks in any case. Who wants no proof gets none: `proved` stays empty.
  if (c->request.proof == Proof::none) return 1;
  wire::ChainQuery query;
  query.peer_is_server = c->request.role == wire::role_client;
  query.expected = c->request.remote_identity;
  query.service = c->request.service;
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(sent); ++i) query.chain.push_back(tls::der_of(sk_X509_value(sent, i)));
  const wire::ChainVerdict verdict = c->handshake->judge(query);
  if (!verdict.accepted) {
    X509_STORE_CTX_set_error(store, verdict.x509_error != X509_V_OK ? verdict.x509_error : X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  c->proved = {verdict.identity, verdict.names, verdict.how, verdict.valid_until};
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

void note_alert(const SSL* ssl, int where, int value) {
  if ((where & SSL_CB_ALERT) == 0) return;
  Connection* c = Connection::of(ssl);
  if (c == nullptr) return;
  const int description = value & 0xff;
  if ((where & SSL_CB_READ) != 0) {
    c->alert_received = description;
    if (c->pump != nullptr) c->pump->saw_alert(description);
  } else {
    c->alert_sent = description;
  }
}

// A ticket remembers what the judge said, since OpenSSL keeps no chain in it.
int fill_ticket(SSL* ssl, void*) {
  const Connection* c = Connection::of(ssl);
  if (c == nullptr) return 0;
  const Bytes memory = wire::encode(c->proved);
  return SSL_SESSION_set1_ticket_appdata(SSL_get0_session(ssl), memory.data(), memory.size());
}

SSL_TICKET_RETURN use_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t, SSL_TICKET_STATUS status, void*) {
  if (status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT) return SSL_TICKET_RETURN_IGNORE_RENEW;
  void* data = nullptr;
  std::size_t size = 0;
  Connection* c = Connection::of(ssl);
  if (c == nullptr || SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1) return SSL_TICKET_RETURN_IGNORE_RENEW;
  auto proved = wire::decode<Proved>({static_cast<const std::uint8_t*>(data), size});
  if (!proved || (!proved->how.empty() && proved->valid_until <= std::time(nullptr))) return SSL_TICKET_RETURN_IGNORE_RENEW;
  // Kept aside until the resumption stands: the ticket may still be turned down (wrong context, bad binder).
  c->handshake->remember(std::move(*proved));
  return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  Connection* c = Connection::of(ssl);
  if (c == nullptr || c->client_sessions == nullptr || c->request.role != wire::role_client) return 0;
  c->note_shown(ssl);  // in TLS 1.2 the session comes before the handshake's end
  return c->client_sessions->keep(*c, session) ? 1 : 0;  // 1: the reference is ours now
}

// Whether a signature scheme that the peer offers goes with the key of `certificate`.
bool peer_can_check(SSL* ssl, X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  const int own = key == nullptr ? NID_undef : EVP_PKEY_get_id(key);
  const int shared = SSL_get_shared_sigalgs(ssl, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
  for (int i = 0; i < shared; ++i) {
    int wanted = NID_undef;
    SSL_get_shared_sigalgs(ssl, i, &wanted, nullptr, nullptr, nullptr, nullptr);
    if (wanted == own || (wanted == EVP_PKEY_RSA_PSS && own == EVP_PKEY_RSA)) return true;
  }
  return false;
}

// OpenSSL's TLS 1.2 client considers its current certificate alone: make that the first one that the server can
// check. In all other cases it chooses from the whole set.
int choose_certificate(SSL* ssl, void*) {
  if (SSL_is_server(ssl) == 1 || SSL_version(ssl) >= TLS1_3_VERSION) return 1;
  for (long found = SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST); found == 1;
       found = SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
    if (peer_can_check(ssl, SSL_get_certificate(ssl))) break;
  }
  return 1;
}

}  // namespace

void set_callbacks(SSL_CTX* context) {
  SSL_CTX_set_client_hello_cb(context, choose_identity, nullptr);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_chain, nullptr);
  SSL_CTX_set_info_callback(context, note_alert);
  SSL_CTX_set_session_ticket_cb(context, fill_ticket, use_ticket, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_cert_cb(context, choose_certificate, nullptr);
}

}  // namespace tlspool::worker
