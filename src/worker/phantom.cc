// SPDX-License-Identifier: Apache-2.0
#include "worker/phantom.h"

#include <algorithm>

#include "tls/shared_session.h"
#include "tls/ticket_keys.h"
#include "worker/client_sessions.h"
#include "worker/handshake.h"

namespace tlspool::worker {
namespace {

// The version, the suite and the kind of master secret are the session's; there is no other way to go on.
Status restrict_to_phantom(SSL* ssl, Connection& c) {
  SharedKey& key = *c.shared_key;
  const wire::PeerSetup& peer = *key.peer;
  SSL_set_options(ssl, SSL_OP_NO_TICKET | (peer.extended_master_secret ? 0 : SSL_OP_NO_EXTENDED_MASTER_SECRET));
  if (SSL_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 || SSL_set_max_proto_version(ssl, TLS1_2_VERSION) != 1 ||
      SSL_set_cipher_list(ssl, peer.suite.c_str()) != 1) {
    return fail(tls::openssl_error(Code::config, "restrict to the phantom session", "peer=" + peer.name));
  }
  const std::string context = resumption_key(c);
  auto session = tls::phantom_session(ssl, key.secret, key.session_id, peer.suite,
                                      peer.extended_master_secret ? tls::MasterSecret::extended : tls::MasterSecret::plain, view(context));
  if (!session) return fail(std::move(session.error()));
  key.session = std::move(*session);
  return {};
}

bool offers_tls13(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &data, &size) != 1) return false;
  for (std::size_t i = 1; i + 1 < size; i += 2) {
    if ((data[i] << 8 | data[i + 1]) == TLS1_3_VERSION) return true;
  }
  return false;
}

Hello refuse(Connection& c, int* alert, std::string problem) {
  c.attempt->key_problem = std::move(problem);
  *alert = SSL_AD_HANDSHAKE_FAILURE;
  return Hello::refused;
}

}  // namespace

Status offer_phantom(SSL* ssl, Connection& c) {
  if (auto restricted = restrict_to_phantom(ssl, c); !restricted) return restricted;
  if (SSL_set_session(ssl, c.shared_key->session.get()) != 1) {
    return fail(tls::openssl_error(Code::internal, "resume the phantom session", "peer=" + c.shared_key->peer->name));
  }
  c.shared_key->given = true;
  return {};
}

Hello accept_phantom(SSL* ssl, Connection& c, int* alert) {
  const unsigned char* id = nullptr;
  const std::size_t size = SSL_client_hello_get0_session_id(ssl, &id);
  // A client of TLS 1.3, and one that resumes by a ticket, fill the session id with noise: not worth the keeper's time.
  if (size == 0 || size > SSL_MAX_SSL_SESSION_ID_LENGTH || offers_tls13(ssl) || tls::offers_own_ticket(ssl)) return Hello::other;
  wire::KeyRequest request;
  request.operation = wire::KeyOperation::seed_server;
  request.id.assign(id, id + size);
  wire::KeyAnswer answer = c.handshake->ask_key(request);
  if (answer.problem == wire::KeyProblem::unknown) return Hello::other;  // a session id of anybody's
  if (answer.problem != wire::KeyProblem::none) return refuse(c, alert, answer.message);
  const auto peer = std::ranges::find_if(c.attempt->peers.usable, [&](const auto* p) { return p->use == wire::KeyUse::session && p->name == answer.peer; });
  if (peer == c.attempt->peers.usable.end()) {
    const KeyLease ended{c.handshake->keys(), answer.lease};
    wipe(answer.secret);
    return refuse(c, alert, "shared key: peer=" + answer.peer + ": its phantom session may not be used for this connection; see role and as "
                            "of its [[peer]], [[allow]], and the name that the program expects");
  }
  c.shared_key = std::make_unique<SharedKey>(shared_key_of(**peer, answer, c.handshake->keys()));
  c.shared_key->session_id.assign(id, id + size);
  if (auto ready = restrict_to_phantom(ssl, c); !ready) return refuse(c, alert, ready.error().text());
  return Hello::ours;
}

SSL_SESSION* find_phantom(SSL* ssl, const unsigned char* id, int size, int* copy) {
  *copy = 0;
  Connection* c = Connection::of(ssl);
  // OpenSSL looks here for tickets of TLS 1.3, too, where a connection gives out none.
  if (c == nullptr || !c->shared_key || c->shared_key->peer->use != wire::KeyUse::session || SSL_version(ssl) != TLS1_2_VERSION) return nullptr;
  SharedKey& key = *c->shared_key;
  if (!std::ranges::equal(ByteView{id, static_cast<std::size_t>(size)}, key.session_id)) return nullptr;
  if (SSL_SESSION_up_ref(key.session.get()) != 1) return nullptr;
  key.given = true;
  return key.session.get();
}

}  // namespace tlspool::worker
