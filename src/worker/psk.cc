// SPDX-License-Identifier: Apache-2.0
#include "worker/psk.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "sharedkey/hello.h"
#include "tls/context.h"
#include "tls/shared_session.h"
#include "worker/client_sessions.h"
#include "worker/handshake.h"

namespace tlspool::worker {
namespace {

// Nothing but the key's own version and suite.
Status restrict_to_key(SSL* ssl, const Connection& c) {
  const wire::PeerSetup& peer = *c.shared_key->peer;
  const int version = peer.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  const std::string suite = suite_of(peer).name;
  const auto set_suite = peer.tls13 ? SSL_set_ciphersuites : SSL_set_cipher_list;
  SSL_set_options(ssl, SSL_OP_NO_TICKET);
  if (SSL_set_min_proto_version(ssl, version) == 1 && SSL_set_max_proto_version(ssl, version) == 1 && set_suite(ssl, suite.c_str()) == 1) {
    return {};
  }
  return fail(tls::openssl_error(Code::internal, "restrict to the shared key", "peer=" + peer.name));
}

Status make_psk13(SSL* ssl, Connection& c) {
  if (auto restricted = restrict_to_key(ssl, c); !restricted) return restricted;
  SharedKey& key = *c.shared_key;
  const std::string context = resumption_key(c);
  auto session = tls::external_psk(ssl, key.secret, suite_of(*key.peer).number, view(context));
  if (!session) return fail(std::move(session.error()));
  key.session = std::move(*session);
  return {};
}

// --- client ---------------------------------------------------------------------------------------------

// Asked for each hello, so twice after a HelloRetryRequest.
int use_psk13(SSL* ssl, const EVP_MD*, const unsigned char** identity, std::size_t* size, SSL_SESSION** session) {
  *session = nullptr;
  Connection* c = Connection::of(ssl);
  if (c == nullptr || !c->shared_key || SSL_SESSION_up_ref(c->shared_key->session.get()) != 1) return 0;
  *identity = c->shared_key->identity.data();
  *size = c->shared_key->identity.size();
  *session = c->shared_key->session.get();
  c->shared_key->given = true;
  return 1;
}

// The hint says which key store the server is: empty, its address, or "pkcs:object=" and its address. Where the
// identity is a fixed text, the hint says nothing to us.
bool fitting_hint(const wire::PeerSetup& peer, std::string_view hint) {
  return hint.empty() || peer.identity_form == wire::IdentityForm::text || hint == peer.store || hint == "pkcs:object=" + peer.store;
}

unsigned use_psk12(SSL* ssl, const char* hint, char* identity, unsigned identity_room, unsigned char* psk, unsigned psk_room) {
  Connection* c = Connection::under_way(ssl);
  if (c == nullptr || !c->shared_key) return 0;
  SharedKey& key = *c->shared_key;
  const std::string_view store = hint == nullptr ? std::string_view{} : hint;
  if (!fitting_hint(*key.peer, store)) {
    c->attempt->key_problem = "shared key: store=" + key.peer->store + ": the server says that it is the key store " + printable(store) +
                              "; see store of [[peer]] " + key.peer->name;
    return 0;
  }
  const ByteView secret = key.secret.bytes();
  if (key.identity.size() >= identity_room || secret.size() > psk_room) return 0;
  std::memcpy(identity, key.identity.data(), key.identity.size());
  identity[key.identity.size()] = '\0';
  std::memcpy(psk, secret.data(), secret.size());
  key.given = true;
  return static_cast<unsigned>(secret.size());
}

// --- server ---------------------------------------------------------------------------------------------

int find_psk13(SSL* ssl, const unsigned char* identity, std::size_t size, SSL_SESSION** session) {
  *session = nullptr;
  Connection* c = Connection::of(ssl);
  if (c == nullptr || !c->shared_key || !std::ranges::equal(ByteView{identity, size}, c->shared_key->identity)) return 1;
  if (SSL_SESSION_up_ref(c->shared_key->session.get()) != 1) return 0;
  *session = c->shared_key->session.get();
  c->shared_key->given = true;
  return 1;
}

int alert_of(wire::KeyProblem problem) {
  switch (problem) {
    case wire::KeyProblem::none:
    case wire::KeyProblem::exhausted:
    case wire::KeyProblem::unknown:
    case wire::KeyProblem::used:
    case wire::KeyProblem::throttled: return SSL_AD_UNKNOWN_PSK_IDENTITY;
    case wire::KeyProblem::failed: return SSL_AD_INTERNAL_ERROR;
  }
  return SSL_AD_INTERNAL_ERROR;
}

// The key that `identity` names becomes the connection's; 0, or the alert that says why not. Nullopt: not ours.
std::optional<int> lease(Connection& c, ByteView identity, bool tls13) {
  auto named = key_named_by(identity, c.policy->setup().peers, c.attempt->peers.usable, tls13);
  if (!named) {
    c.attempt->key_problem = named.error().text();
    return SSL_AD_UNKNOWN_PSK_IDENTITY;
  }
  if (!*named) return std::nullopt;
  wire::KeyAnswer answer = c.handshake->ask_key((*named)->request);
  if (answer.problem != wire::KeyProblem::none) {
    c.attempt->key_problem = answer.message;
    return alert_of(answer.problem);
  }
  c.shared_key = std::make_unique<SharedKey>(shared_key_of(*(*named)->peer, answer, c.handshake->keys()));
  c.shared_key->identity = copy_of(identity);
  return 0;
}

bool offers(SSL* ssl, std::uint16_t suite) {
  const unsigned char* list = nullptr;
  const std::size_t size = SSL_client_hello_get0_ciphers(ssl, &list);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    if ((list[i] << 8 | list[i + 1]) == suite) return true;
  }
  return false;
}

Hello refuse(Connection& c, int* alert, int description, std::string problem) {
  c.attempt->key_problem = std::move(problem);
  *alert = description;
  return Hello::refused;
}

Status use_leased13(SSL* ssl, Connection& c) {
  // The suite is chosen before the PSK, and a PSK of another hash is dropped.
  if (auto made = make_psk13(ssl, c); !made) return made;
  SSL_set_num_tickets(ssl, 0);
  SSL_set_psk_find_session_callback(ssl, find_psk13);
  return {};
}

// The identity as it came: OpenSSL's own is a C string, and ends at the first NUL.
void see_identity12(int sent, int, int type, const void* data, std::size_t size, SSL* ssl, void*) {
  constexpr std::size_t head = 4;  // of a handshake message; then 2 bytes of length
  const auto* bytes = static_cast<const unsigned char*>(data);
  Connection* c = Connection::under_way(ssl);
  if (c == nullptr || sent != 0 || type != SSL3_RT_HANDSHAKE || size < head + 2 || bytes[0] != SSL3_MT_CLIENT_KEY_EXCHANGE) return;
  const std::size_t length = bytes[head] << 8 | bytes[head + 1];
  if (length > PSK_MAX_IDENTITY_LEN) {  // OpenSSL ends the handshake without asking for the key
    c->attempt->key_problem = "shared key: the peer's identity has " + std::to_string(length) + " bytes, and TLS 1.2 takes at most " +
                              std::to_string(PSK_MAX_IDENTITY_LEN) + " here";
  }
  if (size - head - 2 >= length) c->attempt->psk_identity.assign(bytes + head + 2, bytes + head + 2 + length);
}

unsigned find_psk12(SSL* ssl, const char*, unsigned char* psk, unsigned room) {
  Connection* c = Connection::under_way(ssl);
  // OpenSSL would ask here for TLS 1.3, too.
  if (c == nullptr || c->handshake == nullptr || c->shared_key || SSL_version(ssl) != TLS1_2_VERSION) return 0;
  SSL_set_msg_callback(ssl, nullptr);
  const auto alert = lease(*c, c->attempt->psk_identity, false);
  if (!alert) c->attempt->key_problem = "shared key: identity=" + printable(text_of(c->attempt->psk_identity)) + ": no [[peer]] uses this identity";
  if (alert != 0) return 0;
  SharedKey& key = *c->shared_key;
  const KeySuite suite = suite_of(*key.peer);
  const SSL_CIPHER* chosen = SSL_get_pending_cipher(ssl);
  if (chosen == nullptr || SSL_CIPHER_get_protocol_id(chosen) != suite.number) {
    c->attempt->key_problem = key.named() + "the peer chose another suite than " + suite.name + "; give both sites the same hash and exchange";
    return 0;
  }
  const ByteView secret = key.secret.bytes();
  if (secret.empty() || secret.size() > room) return 0;
  std::memcpy(psk, secret.data(), secret.size());
  key.given = true;
  return static_cast<unsigned>(secret.size());
}

}  // namespace

Status offer_psk(SSL* ssl, Connection& c) {
  if (c.shared_key->peer->tls13) {
    if (auto made = make_psk13(ssl, c); !made) return made;
    SSL_set_psk_use_session_callback(ssl, use_psk13);
    return {};
  }
  if (auto restricted = restrict_to_key(ssl, c); !restricted) return restricted;
  SSL_set_psk_client_callback(ssl, use_psk12);
  return {};
}

Hello accept_psk13(SSL* ssl, Connection& c, int* alert) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &data, &size) != 1) return Hello::other;
  const auto identities = sharedkey::offered_identities({data, size});
  if (!identities) return refuse(c, alert, SSL_AD_DECODE_ERROR, identities.error().text());
  for (const ByteView identity : *identities) {
    const auto refusal = lease(c, identity, true);
    if (!refusal) continue;
    if (*refusal != 0) {
      *alert = *refusal;
      return Hello::refused;
    }
    const SharedKey& key = *c.shared_key;
    const KeySuite suite = suite_of(*key.peer);
    if (!offers(ssl, suite.number)) {
      return refuse(c, alert, SSL_AD_HANDSHAKE_FAILURE, key.named() + "the peer does not offer " + suite.name +
                                                            "; give both sites the same hash");
    }
    if (auto ready = use_leased13(ssl, c); !ready) return refuse(c, alert, SSL_AD_INTERNAL_ERROR, ready.error().text());
    return Hello::ours;
  }
  return Hello::other;
}

bool offers_psk12(SSL* ssl, const Connection& c) {
  return std::ranges::any_of(c.attempt->peers.usable, [&](const wire::PeerSetup* peer) {
    return peer->use == wire::KeyUse::psk && !peer->tls13 && offers(ssl, suite_of(*peer).number);
  });
}

Status accept_psk12(SSL* ssl, const Connection& c, Beside beside) {
  std::string suites;
  std::string address;
  for (const wire::PeerSetup* peer : c.attempt->peers.usable) {
    if (peer->use != wire::KeyUse::psk || peer->tls13) continue;
    suites += (suites.empty() ? "" : ":") + suite_of(*peer).name;
    if (address.empty()) address = peer->address;
  }
  if (beside == Beside::certificate) suites += std::string(":") + tls::certificate_suites12();
  const bool done = SSL_set_cipher_list(ssl, suites.c_str()) == 1 && SSL_set_dh_auto(ssl, 1) == 1 &&
                    (address.empty() || SSL_use_psk_identity_hint(ssl, address.c_str()) == 1) &&
                    (beside == Beside::certificate || SSL_set_max_proto_version(ssl, TLS1_2_VERSION) == 1);
  if (!done) return fail(tls::openssl_error(Code::internal, "accept shared keys", suites));
  SSL_set_psk_server_callback(ssl, find_psk12);
  SSL_set_msg_callback(ssl, see_identity12);
  return {};
}

int consume_psk13(SSL* ssl, int* alert, void*) {
  Connection* c = Connection::of(ssl);
  if (c == nullptr || SSL_is_server(ssl) != 1 || !c->shared_key || c->shared_key->consumed) return SSL_TLSEXT_ERR_NOACK;
  const SharedKey& key = *c->shared_key;
  if (key.peer->use != wire::KeyUse::psk || !key.peer->tls13 || !key.used(ssl)) return SSL_TLSEXT_ERR_NOACK;
  if (c->handshake != nullptr && c->handshake->consume_key()) return SSL_TLSEXT_ERR_NOACK;
  *alert = SSL_AD_UNKNOWN_PSK_IDENTITY;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace tlspool::worker
