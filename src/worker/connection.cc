// SPDX-License-Identifier: Apache-2.0
#include "worker/connection.h"

namespace tlspool::worker {

trust::PeerFacts Proved::facts() const {
  trust::PeerFacts out{{identity}, leaf};
  out.names.insert(out.names.end(), names.begin(), names.end());
  return out;
}

// A pointer that OpenSSL keeps in the SSL itself, for passphrases of key files, of which we have none. The list of ex_data
// would be two allocations more for each connection.
void Connection::attach(SSL* ssl) { SSL_set_default_passwd_cb_userdata(ssl, this); }

const Proved& Connection::proved() const {
  static const Proved nothing;
  return proved_ ? *proved_ : nothing;
}

void Connection::keep(wire::Attributes told) {
  const bool nothing = told.alias.empty() && told.groups.empty() && told.values.empty();
  attributes = nothing ? nullptr : std::make_unique<wire::Attributes>(std::move(told));
}

void Connection::note_shown(SSL* ssl) {
  int type = NID_undef;
  if (SSL_session_reused(ssl) != 1) local_shown = SSL_get_signature_type_nid(ssl, &type) == 1;
}

bool Connection::resumed(const SSL* ssl) const {
  return SSL_session_reused(ssl) == 1 && !(shared_key && shared_key->peer->use == wire::KeyUse::psk);
}

const Reasons& Connection::reasons() const {
  static const Reasons none;
  return reasons_ ? *reasons_ : none;
}

void Connection::keep(Reasons reasons) {
  const auto& [by, explanation] = reasons;
  const bool any = !by.policy.empty() || !by.rule.empty() || !explanation.empty();
  reasons_ = any ? std::make_unique<const Reasons>(std::move(reasons)) : nullptr;
}

Connection* Connection::of(const SSL* ssl) { return static_cast<Connection*>(SSL_get_default_passwd_cb_userdata(const_cast<SSL*>(ssl))); }

Connection* Connection::under_way(const SSL* ssl) {
  Connection* c = of(ssl);
  return c != nullptr && c->attempt != nullptr ? c : nullptr;
}

}  // namespace tlspool::worker
