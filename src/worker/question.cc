// SPDX-License-Identifier: Apache-2.0
#include "worker/question.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace tlspool::worker {
namespace {

std::uint16_t port_of_peer(int network) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(network, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return 0;
}

bool forward_secrecy(const SSL* ssl) {
  const SSL_CIPHER* suite = SSL_get_pending_cipher(ssl);
  if (suite == nullptr) suite = SSL_get_current_cipher(ssl);
  if (suite == nullptr) return false;
  switch (SSL_CIPHER_get_kx_nid(suite)) {
    case NID_kx_any:  // TLS 1.3, in which a certificate never goes without a Diffie-Hellman exchange
    case NID_kx_ecdhe:
    case NID_kx_dhe: return true;
    default: return false;
  }
}

Bytes stapled(const Connection& c, const SSL* ssl) {
  const unsigned char* response = nullptr;
  const long size = c.role == wire::role_client ? SSL_get_tlsext_status_ocsp_resp(const_cast<SSL*>(ssl), &response) : 0;
  // A larger one counts for nothing (trust::max_ocsp_bytes).
  constexpr long most = 64 * 1024;
  return response == nullptr || size <= 0 || size > most ? Bytes{} : Bytes(response, response + size);
}

wire::ConnectionFacts facts_of(const Connection& c, const SSL* ssl, int network) {
  wire::ConnectionFacts facts;
  if (c.role == wire::role_client) facts.port = port_of_peer(network);
  if (!c.shared_key) {
    facts.forward_secrecy = forward_secrecy(ssl);
    facts.stapled = stapled(c, ssl);
    return facts;
  }
  const wire::PeerSetup& peer = *c.shared_key->peer;
  facts.shared_key = is_lasting(peer) ? wire::SharedKeyUse::lasting : wire::SharedKeyUse::one_time;
  facts.forward_secrecy = has_forward_secrecy(peer);
  facts.quantum_safe = true;  // no public-key operation stands between the recorded bytes and their reader alone
  return facts;
}

}  // namespace

wire::ChainQuery question_about(const Connection& c, const SSL* ssl, int network, std::vector<Bytes> chain) {
  wire::ChainQuery query;
  query.peer_is_server = c.role == wire::role_client;
  query.stage = c.for_pool ? wire::Stage::trust_alone : wire::Stage::trust;
  query.any_usage = c.request.peer_to_peer && !c.policy->setup().peer_to_peer.certificate_usage;
  query.expected = c.request.remote_identity;
  query.chain = std::move(chain);
  query.service = c.request.service;
  query.pin = c.request.pin;
  query.first_contact = c.request.first_contact;
  query.local = c.local_identity;
  query.connection = facts_of(c, ssl, network);
  query.caller = {c.caller.credentials.uid, c.caller.executable};
  query.fresh = c.request.fresh;
  query.explain = c.request.explain;
  return query;
}

}  // namespace tlspool::worker
