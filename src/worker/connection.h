// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "authz/rules.h"
#include "tls/openssl.h"
#include "trust/peer_facts.h"
#include "wire/judge.h"
#include "worker/peers.h"
#include "worker/peer_address.h"
#include "worker/policy.h"
#include "worker/shared_key.h"
#include "worker/start_request.h"
#include "worker/tie.h"

namespace tlspool::transport {
class StreamPump;
}

namespace tlspool::worker {

class Handshake;
class ClientSessions;

/// What was found out about the peer, by the judge or by a shared key; also what a ticket remembers of it.
struct Proved {
  std::string identity;  ///< empty: nothing was proved
  std::vector<std::string> names;
  std::string how;       ///< "chain", "sharedKey", "dane", "pin", "policy"; in key exchanges also "firstContact"; empty: nothing was verified
  std::int64_t valid_until = 0;
  Bytes proof;           ///< the judge's, for its own use when the session is resumed
  trust::LeafFacts leaf;  ///< of the certificate; nothing where a shared key proved the peer

  /// By what the peer may be revoked.
  [[nodiscard]] trust::PeerFacts facts() const;
};
template <class Io> void fields(Io& io, Proved& m) { io(m.identity, m.names, m.how, m.valid_until, m.proof, m.leaf); }

/// What the judge said beside its verdict.
struct Reasons {
  wire::DecidedBy decided_by;  ///< for the audit line
  std::string explanation;     ///< where the request wanted one
};

/// What a connection's handshake alone needs, and nothing that comes after it.
struct Attempt {
  bool staple_announced = false;          ///< client: the server said that it will send an OCSP response
  std::optional<std::vector<Bytes>> put_off;  ///< client, TLS 1.2: the server's chain, which nobody has judged yet
  std::string refused_name;    ///< SNI that no identity of the caller serves
  bool alpn_mismatch = false;
  bool hello_seen = false;     ///< server: the client's first ClientHello was looked at
  ServerPeers peers;           ///< server: whose shared keys it accepts
  std::string key_problem;     ///< why a shared key could not be used, for people; empty: none was at fault
  Bytes psk_identity;          ///< server, TLS 1.2: as the client sent it
};

/// One TLS connection from the call that starts it to its last byte. OpenSSL's callbacks find it through the
/// SSL; `handshake` and `pump` say which part of its life it is in.
struct Connection {
  std::shared_ptr<const Policy> policy;
  const std::shared_ptr<const StartRequest> asked;  ///< many connections have the same, and share it
  const StartRequest& request = *asked;
  wire::RoleBits role = wire::role_client;  ///< what this side is; peer-to-peer: what it has come to so far
  std::unique_ptr<Tie> tie;    ///< peer-to-peer
  authz::Caller caller;
  std::string local_identity;  ///< the one in use; chosen by SNI where the request named none
  std::string not_shown;       ///< why it was not shown to the peer, for people; empty: it was, or nobody asked for it
  bool single_use = false;     ///< whether it is shown was decided for this connection alone: no later one resumes it
  bool local_shown = false;    ///< the peer was shown it; on a resumed connection: when the session was made
  std::unique_ptr<wire::Attributes> attributes;  ///< what authorization tells the program; null: nothing
  std::optional<int> alert_sent;
  std::optional<int> alert_received;
  PeerAddress peer_address;    ///< where there is an audit line
  std::chrono::microseconds handshake_took{};
  bool for_pool = false;       ///< the pool's own fetcher or judge asked for it: no shared key, or it would fetch keys to fetch keys; no rules
  std::unique_ptr<SharedKey> shared_key;  ///< that protects the connection, or shall
  std::unique_ptr<Attempt> attempt = std::make_unique<Attempt>();  ///< null: the handshake is over
  ClientSessions* client_sessions = nullptr;
  Handshake* handshake = nullptr;
  transport::StreamPump* pump = nullptr;

  explicit Connection(std::shared_ptr<const StartRequest> wanted) : asked(std::move(wanted)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void attach(SSL* ssl);
  /// What is proved of the peer, so far.
  [[nodiscard]] const Proved& proved() const;
  void prove(Proved what) { proved_ = std::make_unique<Proved>(std::move(what)); }
  void keep(wire::Attributes told);
  [[nodiscard]] const Reasons& reasons() const;
  void keep(Reasons reasons);
  /// After a full handshake: whoever was asked for a certificate and had a fitting one has signed.
  void note_shown(SSL* ssl);
  /// Whether a session was resumed: for OpenSSL a PSK of TLS 1.3 is one, too.
  [[nodiscard]] bool resumed(const SSL* ssl) const;
  [[nodiscard]] static Connection* of(const SSL* ssl);
  /// The same while its handshake is under way; null afterwards.
  [[nodiscard]] static Connection* under_way(const SSL* ssl);

 private:
  std::unique_ptr<Proved> proved_;  // null: nothing is
  std::unique_ptr<const Reasons> reasons_;  // null: there are none
};

}  // namespace tlspool::worker
