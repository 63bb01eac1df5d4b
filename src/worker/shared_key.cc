// SPDX-License-Identifier: Apache-2.0
#include "worker/shared_key.h"

#include <utility>

namespace tlspool::worker {

std::string SharedKey::named() const { return "shared key: store=" + store_of(*peer) + " key=" + key_id + ": "; }

bool SharedKey::used(const SSL* ssl) const {
  if (!given) return false;
  if (peer->use == wire::KeyUse::session || peer->tls13) return SSL_session_reused(ssl) == 1;
  const SSL_CIPHER* suite = SSL_get_current_cipher(ssl);
  return suite != nullptr && suite_of(*peer).number == SSL_CIPHER_get_protocol_id(suite);
}

void SharedKey::wipe_secrets() {
  secret = Secret{};
  session.reset();
}

SharedKey shared_key_of(const wire::PeerSetup& peer, wire::KeyAnswer& answer, KeyLink& link) {
  SharedKey key;
  key.peer = &peer;
  key.secret = Secret{ByteView{answer.secret}};
  wipe(answer.secret);
  key.identity = std::move(answer.identity);
  key.session_id = std::move(answer.session_id);
  key.key_id = std::move(answer.key_id);
  key.left = answer.left;
  key.lease = KeyLease{link, std::exchange(answer.lease, 0)};
  return key;
}

const std::string& store_of(const wire::PeerSetup& peer) {
  if (peer.source != wire::KeySource::psk) return peer.store;
  return peer.psk.empty() ? peer.name : peer.psk;
}

bool is_lasting(const wire::PeerSetup& peer) {
  return peer.source == wire::KeySource::psk || peer.use == wire::KeyUse::session;
}

bool has_forward_secrecy(const wire::PeerSetup& peer) {
  return peer.use == wire::KeyUse::psk && (peer.tls13 || peer.exchange != wire::KeyExchange::none);
}

KeySuite suite_of(const wire::PeerSetup& peer) {
  if (peer.use == wire::KeyUse::session) return {peer.suite, 0};
  const bool sha384 = peer.hash == wire::KeyHash::sha384;
  if (peer.tls13) return sha384 ? KeySuite{"TLS_AES_256_GCM_SHA384", 0x1302} : KeySuite{"TLS_AES_128_GCM_SHA256", 0x1301};
  switch (peer.exchange) {
    case wire::KeyExchange::ecdhe: return {"ECDHE-PSK-CHACHA20-POLY1305", 0xccac};
    case wire::KeyExchange::dhe: return sha384 ? KeySuite{"DHE-PSK-AES256-GCM-SHA384", 0x00ab} : KeySuite{"DHE-PSK-AES128-GCM-SHA256", 0x00aa};
    case wire::KeyExchange::none: return sha384 ? KeySuite{"PSK-AES256-GCM-SHA384", 0x00a9} : KeySuite{"PSK-AES128-GCM-SHA256", 0x00a8};
  }
  return {};
}

}  // namespace tlspool::worker
