// SPDX-License-Identifier: Apache-2.0
// What the `tlspool` command and the keeper say to each other about shared keys. Admin.OpenKeys gives the command one
// end of a stream socket whose other end the keeper has; the supervisor sees nothing of what flows. The command sends
// requests, one at a time; each is answered by one frame with the same number: the kind that stands beside the
// request, or KeyAdminKind::key_failed with a Failure. Framing: send_frame() and receive_frame() of loop/channel.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/codec.h"
#include "wire/provision.h"
#include "wire/shared_keys.h"

namespace tlspool::wire {

enum class KeyAdminKind : std::uint16_t {
  // command -> keeper
  psk_add = 200,  ///< PskAdd -> done
  psk_list,       ///< no body -> psk_listed
  psk_remove,     ///< PskRemove -> done
  deposit,        ///< Deposit -> deposited
  withdraw,       ///< Withdraw -> withdrawn; only from peers with deliver = true
  key_status,     ///< no body -> key_counted
  audit,          ///< Audit -> audited
  // keeper -> command
  done = 220,     ///< no body
  psk_listed,     ///< PskListed
  deposited,      ///< Deposited
  withdrawn,      ///< Withdrawn
  key_counted,    ///< KeyCounted
  audited,        ///< Audited
  key_failed,     ///< Failure of provision.h
};

struct PskAdd {
  std::string name;
  std::string token;  ///< TokenSetup::name; empty: the first one
  Bytes key;          ///< 16 to 256 bytes; wipe it
  bool derived = false;  ///< never readable again: for mode = "derived"
};
template <class Io> void fields(Io& io, PskAdd& m) { io(m.name, m.token, m.key, m.derived); }

struct PskRemove {
  std::string name;
};
template <class Io> void fields(Io& io, PskRemove& m) { io(m.name); }

struct PskRow {
  std::string name;
  std::string token;
  std::uint32_t bits = 0;
  bool derived = false;
  std::vector<std::string> peers;  ///< that the configuration uses it for
};
template <class Io> void fields(Io& io, PskRow& m) { io(m.name, m.token, m.bits, m.derived, m.peers); }
struct PskListed {
  std::vector<PskRow> rows;
};
template <class Io> void fields(Io& io, PskListed& m) { io(m.rows); }

/// A key with the number that both sites know it by, as text: "5678", a UUID, a name.
struct NumberedKey {
  std::string id;
  Bytes key;
};
template <class Io> void fields(Io& io, NumberedKey& m) { io(m.id, m.key); }

struct Deposit {
  std::string peer;
  std::vector<NumberedKey> keys;
};
template <class Io> void fields(Io& io, Deposit& m) { io(m.peer, m.keys); }

struct DepositRefused {
  std::string id;
  std::string reason;  ///< there already, used before, malformed id, too short, the token is full
};
template <class Io> void fields(Io& io, DepositRefused& m) { io(m.id, m.reason); }
struct Deposited {
  std::vector<std::string> stored;  ///< ids as the peer's id form writes them
  std::vector<DepositRefused> refused;
};
template <class Io> void fields(Io& io, Deposited& m) { io(m.stored, m.refused); }

/// Takes keys out, each exactly once; they are gone from ledger and token before the answer leaves. `ids` empty: the
/// next `count`, whatever their direction.
struct Withdraw {
  std::string peer;
  std::uint32_t count = 0;
  std::vector<std::string> ids;
};
template <class Io> void fields(Io& io, Withdraw& m) { io(m.peer, m.count, m.ids); }
struct Withdrawn {
  std::vector<NumberedKey> keys;  ///< fewer than asked for where there are no more
};
template <class Io> void fields(Io& io, Withdrawn& m) { io(m.keys); }

struct KeyCount {
  std::string peer;
  KeySource source = KeySource::token;
  KeyUse use = KeyUse::psk;
  std::string store;
  std::uint32_t as_client = 0;  ///< left for connections in which we are the client
  std::uint32_t as_server = 0;
  std::uint64_t used = 0;       ///< since the keeper started
  std::uint32_t leased = 0;
  std::uint32_t low_water = 0;
  std::string problem;          ///< why the store can't be used just now; empty: it can
  std::uint8_t roles = 3;       ///< PeerSetup::roles: in the other direction no key is missed
};
template <class Io> void fields(Io& io, KeyCount& m) {
  io(m.peer, m.source, m.use, m.store, m.as_client, m.as_server, m.used, m.leased, m.low_water, m.problem, m.roles);
}
struct KeyCounted {
  std::vector<KeyCount> rows;
};
template <class Io> void fields(Io& io, KeyCounted& m) { io(m.rows); }

/// Key-check values of every key of a peer: the first 8 bytes of HMAC-SHA256(key, "tlspool key check" || nonce || id),
/// computed in the token. The nonce is fresh for each audit, so that a value says nothing later.
struct Audit {
  std::string peer;
  Bytes nonce;
};
template <class Io> void fields(Io& io, Audit& m) { io(m.peer, m.nonce); }
struct AuditRow {
  std::string id;
  bool as_client = false;
  Bytes check;
};
template <class Io> void fields(Io& io, AuditRow& m) { io(m.id, m.as_client, m.check); }
struct Audited {
  std::vector<AuditRow> rows;
};
template <class Io> void fields(Io& io, Audited& m) { io(m.rows); }

}  // namespace tlspool::wire
