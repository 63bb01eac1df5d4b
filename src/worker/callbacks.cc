// SPDX-License-Identifier: Apache-2.0
#include "worker/callbacks.h"

#include <ctime>

#include "tls/names.h"
#include "transport/stream_pump.h"
#include "worker/client_sessions.h"
#include "worker/connection.h"
#include "worker/handshake.h"
#include "worker/hello.h"
#include "worker/phantom.h"
#include "worker/psk.h"

namespace tlspool::worker {
namespace {

int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                    unsigned in_size, void*) {
  Connection* c = Connection::under_way(ssl);
  if (c == nullptr) return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (c->request.alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
  const int rc = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, c->request.alpn.data(),
                                       static_cast<unsigned>(c->request.alpn.size()), in, in_size);
  if (rc == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
  c->attempt->alpn_mismatch = true;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int judge_chain(Connection& connection, const X509* leaf, std::vector<Bytes> chain);

int verify_chain(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Connection* c = ssl == nullptr ? nullptr : Connection::under_way(ssl);
  // Only a handshake of ours may accept a chain: post-handshake authentication is not offered.
  if (c == nullptr || c->handshake == nullptr) return 0;
  if (!c->handshake->tie_stands()) {  // before we show who we are; where there is no certificate, succeed() sees to it
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  if (c->shared_key) {  // a full handshake in place of the key that was wanted
    c->attempt->key_problem = c->shared_key->named() + "the server does not use it, and sent a certificate instead; see [[peer]] on both sites";
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  // A client's OpenSSL asks in any case. Who wants no proof gets none: `proved` stays empty.
  if (c->request.proof == Proof::none) return 1;
  std::vector<Bytes> chain;
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 0; i < sk_X509_num(sent); ++i) chain.push_back(tls::der_of(sk_X509_value(sent, i)));
  // In TLS 1.2 what is stapled comes behind the chain. Its callback comes before we show who we are, and asks the judge then.
  if (c->role == wire::role_client && SSL_version(ssl) < TLS1_3_VERSION && c->attempt->staple_announced) {
    c->attempt->put_off = std::move(chain);
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  const int error = judge_chain(*c, X509_STORE_CTX_get0_cert(store), std::move(chain));
  X509_STORE_CTX_set_error(store, error);
  return error == X509_V_OK ? 1 : 0;
}

// What came of the judge is kept in the Connection; the result is OpenSSL's word for it.
int judge_chain(Connection& connection, const X509* leaf, std::vector<Bytes> chain) {
  Connection* c = &connection;
  wire::ChainVerdict verdict = c->handshake->judge(std::move(chain));
  c->keep({std::move(verdict.decided_by), verdict.accepted ? verdict.explanation : std::string{}});
  if (!verdict.accepted) return verdict.x509_error != X509_V_OK ? verdict.x509_error : X509_V_ERR_APPLICATION_VERIFICATION;
  // Somebody may have wired two connections of ours together; with roles of chance nothing else would tell.
  if (c->tie && !c->local_identity.empty() && verdict.identity == c->local_identity && c->request.remote_identity != c->local_identity) {
    c->tie->problem = "the peer proves " + c->local_identity + ", which is who we are: two connections of ours may have been wired together; if it "
                      "is meant, ask for it as remoteIdentity";
    return X509_V_ERR_APPLICATION_VERIFICATION;
  }
  c->prove({verdict.identity, verdict.names, verdict.how, verdict.valid_until, verdict.proof, trust::facts_of(leaf)});
  c->keep(verdict.attributes);
  return X509_V_OK;
}

// Client: what the server stapled is there, or will not come. Server: the client asks for it.
int status_of_certificate(SSL* ssl, void*) {
  Connection* c = Connection::under_way(ssl);
  if (c == nullptr || c->handshake == nullptr) return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (SSL_is_server(ssl) == 1) return c->handshake->staple() ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
  constexpr int good = 1;
  constexpr int refused = 0;
  // In TLS 1.3 OpenSSL calls this before our Finished also where there was no certificate: of all that it calls then, this alone can end
  // the handshake by an alert.
  if (!c->handshake->tie_stands()) return refused;
  if (!c->attempt->put_off) return good;
  auto chain = *std::exchange(c->attempt->put_off, std::nullopt);
  const int error = judge_chain(*c, SSL_get0_peer_certificate(ssl), std::move(chain));
  SSL_set_verify_result(ssl, error);
  return error == X509_V_OK ? good : refused;
}

// Client: of the server's extensions, only TLS 1.2 needs to be looked at.
void note_extension(SSL* ssl, int, int type, const unsigned char*, int, void*) {
  Connection* c = Connection::under_way(ssl);
  if (c != nullptr && type == TLSEXT_TYPE_status_request) c->attempt->staple_announced = true;
}

// A key of a PSK suite of TLS 1.2 protects one connection. By its suite alone is it known as such before the
// ServerHello promises a ticket.
void refuse_ticket_of_psk12(SSL* ssl) {
  const SSL_CIPHER* suite = SSL_is_server(ssl) == 1 && SSL_version(ssl) == TLS1_2_VERSION ? SSL_get_pending_cipher(ssl) : nullptr;
  if (suite != nullptr && SSL_CIPHER_get_auth_nid(suite) == NID_auth_psk) SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

// RFC 8446, section 6: all alerts but user_canceled, whatever level they claim; RFC 5246, section 7.2: those of level fatal, and close_notify.
bool ends_session(const SSL* ssl, int alert) {
  const int description = alert & 0xff;
  if (SSL_version(ssl) >= TLS1_3_VERSION) return description != SSL_AD_USER_CANCELLED;
  return alert >> 8 == SSL3_AL_FATAL || description == SSL_AD_CLOSE_NOTIFY;
}

void note_event(const SSL* ssl, int where, int value) {
  Connection* c = Connection::of(ssl);
  if (c == nullptr) return;
  if ((where & SSL_CB_ALERT) == 0) {
    if (where == SSL_CB_ACCEPT_LOOP && c->handshake != nullptr) refuse_ticket_of_psk12(const_cast<SSL*>(ssl));
    return;
  }
  const int description = value & 0xff;
  if ((where & SSL_CB_READ) != 0) {
    c->alert_received = description;
    if (c->pump != nullptr && ends_session(ssl, value)) c->pump->saw_alert(description);
  } else {
    c->alert_sent = description;
  }
}

// A ticket remembers what the judge said, since OpenSSL keeps no chain in it. It is made before the handshake ends.
int fill_ticket(SSL* ssl, void*) {
  const Connection* c = Connection::of(ssl);
  if (c == nullptr) return 0;
  if (c->handshake != nullptr) c->handshake->adopt_remembered();
  // In TLS 1.3 everything else has been said: it goes with the session's first data.
  if (SSL_version(ssl) == TLS1_3_VERSION) tls::hold_writes(ssl);
  const Bytes memory = wire::encode(c->proved());
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
  if (c == nullptr || c->client_sessions == nullptr || c->role != wire::role_client || c->shared_key || !c->request.resumption || c->single_use) return 0;
  if (c->handshake != nullptr) {  // in TLS 1.2 the session comes before the handshake's end
    c->handshake->adopt_remembered();
    c->note_shown(ssl);
  }
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

// Server: before anything is sent. Client: when a server that asked for a certificate has proved itself, as far as it does; what may not be
// shown is taken away here. OpenSSL's TLS 1.2 client considers its current certificate alone: make that the first one that the server can
// check. In all other cases it chooses from the whole set.
int choose_certificate(SSL* ssl, void*) {
  Connection* c = Connection::under_way(ssl);
  // Here a server is on its way to a full handshake; where a key was named, that is the wrong way.
  if (SSL_is_server(ssl) == 1 && c != nullptr && c->shared_key) {
    c->attempt->key_problem = c->shared_key->named() + "the peer named it, and offered nothing that goes with it; give both sites the same settings "
                                               "of [[peer]]";
    return 0;
  }
  if (SSL_is_server(ssl) == 1) return 1;
  if (c == nullptr || c->handshake == nullptr) return 0;
  if (!c->handshake->client_may_show()) SSL_certs_clear(ssl);
  if (c->handshake->abandoned()) return 0;
  if (SSL_version(ssl) >= TLS1_3_VERSION) return 1;
  for (long found = SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST); found == 1;
       found = SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
    if (peer_can_check(ssl, SSL_get_certificate(ssl))) break;
  }
  return 1;
}

}  // namespace

void ask_for_staple(SSL* ssl) {
  SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
  SSL_set_tlsext_debug_callback(ssl, note_extension);
}

void set_callbacks(SSL_CTX* context) {
  SSL_CTX_set_client_hello_cb(context, answer_hello, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, consume_psk13);
  SSL_CTX_sess_set_get_cb(context, find_phantom);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_chain, nullptr);
  SSL_CTX_set_tlsext_status_cb(context, status_of_certificate);
  SSL_CTX_set_info_callback(context, note_event);
  SSL_CTX_set_session_ticket_cb(context, fill_ticket, use_ticket, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_cert_cb(context, choose_certificate, nullptr);
}

}  // namespace tlspool::worker
