// SPDX-License-Identifier: Apache-2.0
#include "worker/hello.h"

#include "base/text.h"
#include "tls/cursor.h"
#include "worker/client_sessions.h"
#include "worker/handshake.h"
#include "worker/phantom.h"
#include "worker/psk.h"

namespace tlspool::worker {
namespace {

// RFC 6066 section 3: a list with one host_name entry. Empty where there is none.
std::string server_name_of(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1) return {};
  tls::Cursor extension{{data, size}};
  tls::Cursor list{extension.vector(2)};
  const bool host_name = list.number(1) == TLSEXT_NAMETYPE_host_name;
  const ByteView name = list.vector(2);
  if (!host_name || !list.at_end() || !extension.at_end()) return {};
  auto normal = normal_host(text_of(name));
  return normal ? *normal : std::string{};
}

// The identity that serves the name in the hello; null where there is none for this caller.
const Policy::Identity* asked_identity(const Connection& c, const std::string& name) {
  const Policy& policy = *c.policy;
  const Policy::Identity* identity = name.empty() ? policy.find(policy.setup().default_identity) : policy.serving(name, c.caller);
  return identity != nullptr && policy.allows(c.caller, identity->setup->name, wire::role_server) ? identity : nullptr;
}

Hello accept_shared_key(SSL* ssl, Connection& c, int* alert) {
  Hello found = Hello::other;
  if (c.attempt->peers.any(wire::KeyUse::session, false)) found = accept_phantom(ssl, c, alert);
  // Also where no peer may be used here: an identity of ours is then refused, with the reason.
  if (found == Hello::other && !c.policy->setup().peers.empty()) found = accept_psk13(ssl, c, alert);
  return found;
}

int refuse_without_key(Connection& c, int* alert) {
  c.attempt->key_problem = c.attempt->peers.usable.empty()
                               ? "shared key: this connection needs one, and no [[peer]] is there for it; add one to tlspool.toml, or see its role and as"
                               : "shared key: the peer offered none, and this connection needs one; see [[peer]] on both sites";
  *alert = SSL_AD_HANDSHAKE_FAILURE;
  return SSL_CLIENT_HELLO_ERROR;
}

int accept_by_psk12(SSL* ssl, Connection& c, Beside beside, int* alert) {
  if (auto done = accept_psk12(ssl, c, beside); !done) {
    c.attempt->key_problem = done.error().text();
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

}  // namespace

int answer_hello(SSL* ssl, int* alert, void*) {
  Connection* c = Connection::under_way(ssl);
  if (c == nullptr) return SSL_CLIENT_HELLO_ERROR;
  if (c->attempt->hello_seen) return SSL_CLIENT_HELLO_SUCCESS;  // the second one, after a HelloRetryRequest
  c->attempt->hello_seen = true;
  bind_tickets(ssl, *c);
  switch (accept_shared_key(ssl, *c, alert)) {
    case Hello::refused: return SSL_CLIENT_HELLO_ERROR;
    case Hello::ours: return SSL_CLIENT_HELLO_SUCCESS;
    case Hello::other: break;
  }
  const bool psk12 = c->attempt->peers.any(wire::KeyUse::psk, false) && offers_psk12(ssl, *c);
  if (c->attempt->peers.required) return psk12 ? accept_by_psk12(ssl, *c, Beside::nothing, alert) : refuse_without_key(*c, alert);
  if (c->local_identity.empty()) {
    const std::string name = server_name_of(ssl);
    const Policy::Identity* identity = asked_identity(*c, name);
    if (identity == nullptr) {
      if (psk12) return accept_by_psk12(ssl, *c, Beside::nothing, alert);
      c->attempt->refused_name = name.empty() ? "(none)" : printable(name);
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
  if (!c->handshake->server_may_show()) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  // A ticket is looked at under the identity that it was made for.
  bind_tickets(ssl, *c);
  return psk12 ? accept_by_psk12(ssl, *c, Beside::certificate, alert) : SSL_CLIENT_HELLO_SUCCESS;
}

}  // namespace tlspool::worker
