// SPDX-License-Identifier: Apache-2.0
#include "worker/client_sessions.h"

#include <openssl/sha.h>

#include <array>
#include <ctime>

#include "tls/openssl.h"

namespace tlspool::worker {
namespace {

constexpr std::size_t most_sessions = 1024;

// What decides a handshake, in a form that can't be read in two ways (every part carries its length).
struct Deciding {
  Bytes policy;
  std::uint32_t uid = 0;
  std::uint8_t role = 0;
  std::string local_identity;
  std::string remote_identity;
  std::uint8_t proof = 0;
  std::string server_name;
  std::string service;
  Bytes alpn;
  bool tls13_only = false;
  bool require_shared_key = false;
  bool peer_to_peer = false;  // then certificates are looked at less closely
};
template <class Io> void fields(Io& io, Deciding& m) {
  io(m.policy, m.uid, m.role, m.local_identity, m.remote_identity, m.proof, m.server_name, m.service, m.alpn, m.tls13_only,
     m.require_shared_key, m.peer_to_peer);
}

// A ticket of TLS 1.3 that is shown twice links two connections; one of TLS 1.2 is all that its server gives.
bool good_for_one_use(const SSL_SESSION* session) { return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION; }

bool over(const ClientSessions::Entry& entry) {
  const SSL_SESSION* session = entry.session.get();
  const std::time_t now = std::time(nullptr);
  return SSL_SESSION_is_resumable(session) != 1 || SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) <= now ||
         (!entry.proved.how.empty() && entry.proved.valid_until <= now);
}

}  // namespace

std::string resumption_key(const Connection& c) {
  const StartRequest& r = c.request;
  const Bytes text = wire::encode(Deciding{c.policy->setup().policy, c.caller.credentials.uid, static_cast<std::uint8_t>(c.role),
                                           c.local_identity, r.remote_identity, static_cast<std::uint8_t>(r.proof),
                                           r.server_name, r.service, r.alpn, r.tls13_only, r.require_shared_key, r.peer_to_peer});
  return std::string(text_of(tls::sha256(text)));
}

void bind_tickets(SSL* ssl, const Connection& connection) {
  const std::string key = resumption_key(connection);
  static_assert(SHA256_DIGEST_LENGTH <= SSL_MAX_SID_CTX_LENGTH);
  SSL_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(key.data()), static_cast<unsigned>(key.size()));
}

bool ClientSessions::keep(const Connection& connection, SSL_SESSION* session) {
  if (SSL_SESSION_is_resumable(session) != 1) return false;
  const Proved& proved = connection.proved();
  if (!proved.how.empty() && proved.valid_until <= std::time(nullptr)) return false;
  const std::string key = resumption_key(connection);
  // Under one key lie tickets of TLS 1.3, or one session of TLS 1.2: what came last says what the server speaks now.
  const auto known = by_key_.find(key);
  const bool tickets = known == by_key_.end() || good_for_one_use(known->second->entry.session.get());
  if (!tickets || !good_for_one_use(session)) forget(key);
  newest_first_.push_front({key, {tls::SslSession{session}, proved, connection.local_shown}});
  by_key_.emplace(key, newest_first_.begin());
  if (newest_first_.size() > most_sessions) {
    const auto oldest = std::prev(newest_first_.end());
    const auto [from, to] = by_key_.equal_range(oldest->key);
    for (auto at = from; at != to; ++at) {
      if (at->second != oldest) continue;
      by_key_.erase(at);
      break;
    }
    newest_first_.pop_back();
  }
  return true;
}

void ClientSessions::forget(const std::string& key) {
  const auto [from, to] = by_key_.equal_range(key);
  for (auto at = from; at != to; ++at) newest_first_.erase(at->second);
  by_key_.erase(from, to);
}

std::optional<ClientSessions::Entry> ClientSessions::take(const Connection& connection) {
  const std::string key = resumption_key(connection);
  while (true) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    Entry& stored = found->second->entry;
    const bool usable = !over(stored);
    if (usable && !good_for_one_use(stored.session.get())) {
      SSL_SESSION_up_ref(stored.session.get());
      return Entry{tls::SslSession{stored.session.get()}, stored.proved, stored.local_shown};
    }
    Entry entry = std::move(stored);
    newest_first_.erase(found->second);
    by_key_.erase(found);
    if (usable) return entry;
  }
}

}  // namespace tlspool::worker
