// SPDX-License-Identifier: Apache-2.0
// What administrators tell the judge, by the supervisor: pins, and peers that are revoked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/codec.h"

namespace tlspool::wire {

/// What a pin holds the SHA-256 of.
enum class PinOf : std::uint8_t {
  key,          ///< the leaf's SubjectPublicKeyInfo (RFC 7469 section 2.4): another certificate of the key will do
  certificate,  ///< the leaf itself
};
enum class PinOrigin : std::uint8_t { administrator, first_use };

/// A key or a certificate that an identity is known by.
struct PinRow {
  std::string identity;  ///< normalised
  std::string service;   ///< empty: all of them
  PinOf of = PinOf::key;
  Bytes digest;          ///< SHA-256
  PinOrigin origin = PinOrigin::administrator;
  std::int64_t added = 0;    ///< seconds since 1970
  std::int64_t expires = 0;  ///< from then on it is as if it were not there; 0: never
};
template <class Io> void fields(Io& io, PinRow& m) { io(m.identity, m.service, m.of, m.digest, m.origin, m.added, m.expires); }

/// A peer with a name that is pinned showed another key.
struct PinChange {
  std::string identity;
  std::string service;     ///< of the last such session
  Bytes pinned;            ///< digest of a pin that holds
  Bytes shown;             ///< digest of the key that was shown last
  std::uint64_t times = 0;
  std::int64_t first = 0;  ///< seconds since 1970
  std::int64_t last = 0;
};
template <class Io> void fields(Io& io, PinChange& m) { io(m.identity, m.service, m.pinned, m.shown, m.times, m.first, m.last); }

/// By what peers are known that are revoked.
enum class RevokedBy : std::uint8_t {
  selector,  ///< of a name that they prove
  serial,    ///< number of their certificate, of one issuer or of any
  key,       ///< SHA-256 of their SubjectPublicKeyInfo
};
struct RevokedRow {
  RevokedBy by = RevokedBy::selector;
  std::string selector;    ///< normal
  Bytes digits;            ///< the serial number without leading zeros, or the digest
  std::string issuer;      ///< of a serial: RFC 2253; empty: any
  std::int64_t added = 0;  ///< seconds since 1970; makes no other row of it
};
template <class Io> void fields(Io& io, RevokedRow& m) { io(m.by, m.selector, m.digits, m.issuer, m.added); }

/// What an administrator wants. Each uses the fields that it needs.
enum class JudgeOperation : std::uint8_t { add_pin, list_pins, remove_pin, revoke, list_revoked, unrevoke };
struct JudgeAdmin {
  JudgeOperation operation = JudgeOperation::list_pins;
  PinRow pin;             ///< add_pin; remove_pin: identity, and digest and service where not all of them
  std::string what;       ///< revoke, unrevoke: as it was typed
  std::string issuer;
  std::uint64_t from = 0; ///< lists: how many rows were listed before
};
template <class Io> void fields(Io& io, JudgeAdmin& m) { io(m.operation, m.pin, m.what, m.issuer, m.from); }

struct JudgeAdminAnswer {
  std::string problem;  ///< empty: it is done
  std::vector<PinRow> pins;
  std::vector<PinChange> changes;
  std::vector<RevokedRow> revoked;  ///< revoke, unrevoke: the one row
  bool more = false;                ///< of lists
  std::uint64_t count = 0;          ///< how many pins were removed
  bool news = false;                ///< revoke, unrevoke: the list has changed
  Bytes revoked_digest;             ///< of all that is revoked
};
template <class Io> void fields(Io& io, JudgeAdminAnswer& m) {
  io(m.problem, m.pins, m.changes, m.revoked, m.more, m.count, m.news, m.revoked_digest);
}

/// Sessions that a worker shall end, at once.
struct EndSessions {
  std::vector<RevokedRow> revoked;      ///< peers that are; also of handshakes that began before
  std::vector<RevokedRow> restored;     ///< that are not revoked any more; ends nothing
  std::vector<std::string> identities;  ///< ours whose token is gone
};
template <class Io> void fields(Io& io, EndSessions& m) { io(m.revoked, m.restored, m.identities); }
struct SessionsEnded {
  std::uint64_t count = 0;
};
template <class Io> void fields(Io& io, SessionsEnded& m) { io(m.count); }

}  // namespace tlspool::wire
