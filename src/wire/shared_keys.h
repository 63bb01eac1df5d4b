// SPDX-License-Identifier: Apache-2.0
// What the processes tell each other about shared keys: the configuration's [[peer]] and [[kme]] tables, and the
// messages by which a worker asks the keeper for a key and the keeper asks the fetcher. The kinds are in ipc.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/codec.h"

namespace tlspool::wire {

enum class KeyUse : std::uint8_t {
  psk,      ///< a TLS pre-shared key: one key, one connection (but see KeySource::psk)
  session,  ///< seeds the TLS 1.2 session cache (Gutmann's draft)
};
enum class KeySource : std::uint8_t {
  token,  ///< one-time keys in a PKCS#11 token
  kme,    ///< one-time keys asked for, each when it is needed, from an ETSI GS QKD 014 entity
  psk,    ///< a lasting key that the administrator put in (`tlspool psk add`)
};
/// How the number of a key is written into CKA_ID.
enum class IdForm : std::uint8_t {
  number,  ///< 8 bytes, big-endian
  text,    ///< as it is
  uuid,    ///< 16 bytes
  brief,   ///< 2 bytes, big-endian: for tokens such as the YubiHSM2
};
/// What kind of object a key is in its token.
enum class KeyObject : std::uint8_t {
  secret,  ///< CKO_SECRET_KEY, CKK_GENERIC_SECRET
  data,    ///< CKO_DATA: the YubiHSM2 gives nothing else back
};
enum class KeyMode : std::uint8_t {
  plain,    ///< the key is the PSK
  derived,  ///< the key never leaves the token; the PSK is an HMAC that the token computes
};
enum class KeyHash : std::uint8_t { sha256, sha384 };
/// The key exchange that a PSK is combined with.
enum class KeyExchange : std::uint8_t { ecdhe, dhe, none };
/// How our side writes an identity; all but `text` are understood from a peer whatever this says.
enum class IdentityForm : std::uint8_t {
  pkcs,        ///< pkcs:object=hsm.isp.net;id=5678
  cqptoolkit,  ///< pkcs:object=hsm.isp.net?id=5678
  pkcs11,      ///< pkcs11:object=hsm.isp.net;id=%16%2e (RFC 7512)
  text,        ///< PeerSetup::identity, byte for byte
};
enum class Exhausted : std::uint8_t { fail, wait, certificate };
enum class SessionIdForm : std::uint8_t { hmac, user };

/// One [[peer]]: how connections with it are protected by a shared key, and where the keys come from.
struct PeerSetup {
  std::string name;              ///< normalised identity that a key of this peer proves; unique
  std::uint8_t roles = 3;        ///< RoleBits of ipc.h that our side may play with its keys
  std::string local_identity;    ///< ours towards it; empty: none is claimed beyond what the request says
  KeyUse use = KeyUse::psk;
  KeySource source = KeySource::token;
  bool only_if_asked = false;    ///< `when = "asked"`: programs must ask for it in StartTLS
  std::string address;           ///< of our own key store: the object in the identities that we send
  std::string store;             ///< address of the peer's key store: the object in those that it sends; label in the token
  std::string token;             ///< TokenSetup::name
  IdForm id_form = IdForm::number;
  KeyObject object = KeyObject::secret;
  KeyMode mode = KeyMode::plain;
  bool deliver = false;          ///< an administrator's program may take keys out (`tlspool qkd serve`)
  std::string kme;               ///< KmeSetup::name
  std::string sae;               ///< SAE id of the peer
  std::string psk;               ///< name given to `tlspool psk add`
  bool tls13 = true;             ///< the TLS version of these connections: 1.3, else 1.2
  KeyHash hash = KeyHash::sha384;
  KeyExchange exchange = KeyExchange::ecdhe;
  IdentityForm identity_form = IdentityForm::pkcs;
  std::string identity;          ///< IdentityForm::text
  std::uint32_t longest_identity = 128;
  Exhausted exhausted = Exhausted::fail;
  std::uint32_t wait_ms = 10000; ///< Exhausted::wait
  std::uint32_t low_water = 16;  ///< keys left, in one direction, below which there is an alarm
  // KeyUse::session
  std::string user;
  SessionIdForm session_id = SessionIdForm::hmac;
  std::string seed;
  std::string suite;             ///< OpenSSL's name of the TLS 1.2 suite that the session pretends to
  bool extended_master_secret = true;
};
template <class Io> void fields(Io& io, PeerSetup& m) {
  io(m.name, m.roles, m.local_identity, m.use, m.source, m.only_if_asked, m.address, m.store, m.token, m.id_form, m.object,
     m.mode, m.deliver, m.kme, m.sae, m.psk, m.tls13, m.hash, m.exchange, m.identity_form, m.identity,
     m.longest_identity, m.exhausted, m.wait_ms, m.low_water, m.user, m.session_id, m.seed, m.suite,
     m.extended_master_secret);
}

/// One [[kme]]: an ETSI GS QKD 014 key management entity.
struct KmeSetup {
  std::string name;
  std::string host;      ///< of its https URL, without brackets
  std::uint16_t port = 443;
  std::string path;      ///< before /api/v1; empty mostly
  std::string identity;  ///< the pool's identity that authenticates us as an SAE
  std::string expect;    ///< the name that the entity must prove
  std::uint32_t timeout_ms = 10000;  ///< for a whole request
};
template <class Io> void fields(Io& io, KmeSetup& m) {
  io(m.name, m.host, m.port, m.path, m.identity, m.expect, m.timeout_ms);
}

// --- worker <-> keeper ----------------------------------------------------------------------------------

enum class KeyOperation : std::uint8_t {
  take,         ///< client: claim the next key of `peer`; it is gone from ledger and token before the answer leaves
  lease,        ///< server: the key that a peer named; held until key_settle
  seed_client,  ///< client: the phantom session of `peer`
  seed_server,  ///< server: the phantom session of this session id; held until key_settle
};

struct KeyRequest {
  KeyOperation operation = KeyOperation::take;
  std::string peer;          ///< PeerSetup::name; seed_server: empty
  Bytes id;                  ///< lease: CKA_ID (empty for KeySource::psk); seed_server: session id
  Bytes identity;            ///< lease: the identity as it came
  bool derived = false;      ///< lease: the identity says that the key is derived
  std::uint32_t wait_ms = 0; ///< take: what is left of the handshake's deadline
};
template <class Io> void fields(Io& io, KeyRequest& m) {
  io(m.operation, m.peer, m.id, m.identity, m.derived, m.wait_ms);
}

enum class KeyProblem : std::uint8_t {
  none,
  exhausted,  ///< no key is left in this direction
  unknown,    ///< no such key, or it is of the other direction
  used,       ///< it was used before, or another connection is using it
  throttled,  ///< phantom session: too soon after a failure; or too many failures with keys of this peer
  failed,     ///< token, ledger or key management entity
};

struct KeyAnswer {
  KeyProblem problem = KeyProblem::none;
  std::string message;      ///< Error::text() of the problem: which store, which key id, what to do
  std::uint64_t lease = 0;  ///< for key_settle; 0: nothing is to be settled
  std::string peer;
  Bytes secret;             ///< the PSK, or the 48 bytes of a master secret; wipe it
  Bytes identity;           ///< take: what to send
  Bytes session_id;         ///< seed_client
  std::string key_id;       ///< for people: "5678", a UUID, a name
  std::uint32_t left = 0;   ///< keys left in this direction; 0 for KeySource::psk and phantom sessions
};
template <class Io> void fields(Io& io, KeyAnswer& m) {
  io(m.problem, m.message, m.lease, m.peer, m.secret, m.identity, m.session_id, m.key_id, m.left);
}

struct KeySettle {
  std::uint64_t lease = 0;
  bool verified = false;  ///< the peer has proved that it holds the key (binder or Finished): consume it
};
template <class Io> void fields(Io& io, KeySettle& m) { io(m.lease, m.verified); }

/// The handshake may go on only after a good one: another pool may have claimed the key meanwhile.
struct KeySettled {
  bool good = false;
  std::string message;
};
template <class Io> void fields(Io& io, KeySettled& m) { io(m.good, m.message); }

// --- supervisor and keeper <-> fetcher --------------------------------------------------------------------

struct FetcherSetup {
  std::vector<KmeSetup> kmes;
};
template <class Io> void fields(Io& io, FetcherSetup& m) { io(m.kmes); }

struct FetchRequest {
  std::string kme;         ///< KmeSetup::name
  std::string sae;         ///< the other side's
  std::string key_id;      ///< UUID for dec_keys; empty: enc_keys, a new key
  std::uint32_t bits = 256;
};
template <class Io> void fields(Io& io, FetchRequest& m) { io(m.kme, m.sae, m.key_id, m.bits); }

struct FetchAnswer {
  KeyProblem problem = KeyProblem::none;
  std::string message;
  std::string key_id;  ///< UUID
  Bytes key;
};
template <class Io> void fields(Io& io, FetchAnswer& m) { io(m.problem, m.message, m.key_id, m.key); }

}  // namespace tlspool::wire
