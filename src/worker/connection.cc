// SPDX-License-Identifier: Apache-2.0
#include "worker/connection.h"

namespace tlspool::worker {
namespace {

int index() {
  static const int i = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return i;
}

}  // namespace

trust::PeerFacts Proved::facts() const {
  trust::PeerFacts out{{identity}, leaf};
  out.names.insert(out.names.end(), names.begin(), names.end());
  return out;
}

void Connection::attach(SSL* ssl) { SSL_set_ex_data(ssl, index(), this); }

void Connection::note_shown(SSL* ssl) {
  int type = NID_undef;
  if (SSL_session_reused(ssl) != 1) local_shown = SSL_get_signature_type_nid(ssl, &type) == 1;
}

bool Connection::resumed(const SSL* ssl) const {
  return SSL_session_reused(ssl) == 1 && !(shared_key && shared_key->peer->use == wire::KeyUse::psk);
}

Connection* Connection::of(const SSL* ssl) { return static_cast<Connection*>(SSL_get_ex_data(ssl, index())); }

}  // namespace tlspool::worker
