// SPDX-License-Identifier: Apache-2.0
// What the judge is told, and asked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "wire/authorization.h"
#include "wire/cache_setup.h"
#include "wire/codec.h"
#include "wire/dns_setup.h"
#include "wire/pin_setup.h"
#include "wire/policy.h"
#include "wire/revocation_setup.h"

namespace tlspool::wire {

/// Tables that may be longer than one message. Parts come in order; judge_setup makes the whole of them valid.
struct JudgeTables {
  std::vector<PolicySetup> policies;
  std::vector<RuleSetup> rules;
};
template <class Io> void fields(Io& io, JudgeTables& m) { io(m.policies, m.rules); }

struct JudgeSetup {
  bool system_trust = true;                ///< the system's bundle
  std::vector<std::string> anchor_files;   ///< PEM, absolute paths or relative to the pool's directory
  std::string state;                       ///< directory that the judge may write in: its own
  PinSetup pins;
  DnsSetup dns;
  AuthorizationSetup authorization;
  CacheSetup cache;
  RevocationSetup revocation;
};
template <class Io> void fields(Io& io, JudgeSetup& m) {
  io(m.system_trust, m.anchor_files, m.state, m.dns, m.authorization, m.cache, m.revocation, m.pins);
}
struct JudgeReady {
  std::uint32_t anchors = 0;
  std::string problem;  ///< a file that could not be read; the judge then trusts what is left
  Bytes revoked;        ///< digest of all that `tlspool revoke` named
  bool refused = false; ///< it had a set-up before and keeps that: `problem` is new with this one
};
template <class Io> void fields(Io& io, JudgeReady& m) { io(m.anchors, m.problem, m.revoked, m.refused); }

/// Which shared key protects a connection.
enum class SharedKeyUse : std::uint8_t {
  none,
  lasting,   ///< a key that is used again and again
  one_time,  ///< a key of a quantum link or another that is used once
};

/// Who calls the pool, as the kernel says.
struct CallerFacts {
  std::uint32_t uid = 0;
  std::string executable;  ///< empty: not known
};
template <class Io> void fields(Io& io, CallerFacts& m) { io(m.uid, m.executable); }

/// What the handshake has settled when the question is asked.
struct ConnectionFacts {
  bool known = true;           ///< false: certificates alone are asked about, there is no connection
  bool forward_secrecy = false;
  bool quantum_safe = false;   ///< who has a quantum computer later can't read what was recorded
  SharedKeyUse shared_key = SharedKeyUse::none;
  std::uint16_t port = 0;      ///< of the peer where it is the server; 0: not known
  Bytes stapled;               ///< the OCSP response (DER) that the server sent with its certificate
};
template <class Io> void fields(Io& io, ConnectionFacts& m) {
  io(m.known, m.forward_secrecy, m.quantum_safe, m.shared_key, m.port, m.stapled);
}

/// What a question is about.
enum class Stage : std::uint8_t {
  trust,          ///< in the peer's certificates or in the shared key; then authorization
  trust_alone,    ///< the same for a connection of the pool's own, about which no rules are asked
  authorization,  ///< alone: `expected` was proved when the session was made, or is empty for a peer that nobody wants to know
};

/// What was proved of a peer when its session was made, beside its identity. The worker keeps it in the ticket as it came.
struct Proof {
  std::vector<std::string> names;  ///< that somebody vouched for
  std::string issuer;              ///< subjects of CA and trust anchor
  std::string anchor;
  std::string how;
};
template <class Io> void fields(Io& io, Proof& m) { io(m.names, m.issuer, m.anchor, m.how); }

struct ChainQuery {
  bool peer_is_server = true;   ///< else the peer is a TLS client
  std::string expected;         ///< normalised host, IP address or user@domain; empty: any name (tell which)
  std::vector<Bytes> chain;     ///< DER as the peer sent it, leaf first; empty where a shared key proves the peer
  std::string service;
  bool any_usage = false;       ///< peer-to-peer: serverAuth and clientAuth are not looked at
  Bytes pin;                    ///< SHA-256 of the leaf's SPKI: such a key needs no anchor; empty: none is known
  bool first_contact = false;   ///< where no pin is known, a leaf that leads to no anchor is accepted: "firstContact"
  Stage stage = Stage::trust;
  std::string local;            ///< our identity, normalised; empty: none, or not known yet
  ConnectionFacts connection;
  CallerFacts caller;
  bool fresh = false;           ///< no remembered outcome will do
  Bytes proof;                  ///< of the verdict that the session was made by, where the stage is authorization
  bool explain = false;         ///< every check is asked, and the verdict says what each answered
};
template <class Io> void fields(Io& io, ChainQuery& m) {
  io(m.peer_is_server, m.expected, m.chain, m.service, m.any_usage, m.pin, m.first_contact, m.stage, m.local, m.connection, m.caller,
     m.fresh, m.proof, m.explain);
}

/// What a verdict rests on, for the judge's memory.
struct Keep {
  bool unsure = false;     ///< something gave no answer: it may be another in a moment
  bool cost = false;       ///< the network or a hook was asked
  std::int64_t until = 0;  ///< seconds since 1970; 0: no bound of its own
};

/// By what was decided, for people and the audit line: FILE:LINE; empty: nothing of the kind applied.
struct DecidedBy {
  std::string policy;  ///< the [[policy]] tables, or the one that does not hold
  std::string rule;    ///< the [[rule]], or "default" where none fits
};
template <class Io> void fields(Io& io, DecidedBy& m) { io(m.policy, m.rule); }

struct ChainVerdict {
  bool accepted = false;
  std::string identity;             ///< the name that was proved: `expected`, or the first SAN of the leaf
  std::vector<std::string> names;   ///< every SAN of the leaf: DNS, user@domain, IP, URI
  std::string how;                  ///< "chain", "dane", "pin", "firstContact", "sharedKey" or "policy"
  std::string anchor;               ///< subject of the trust anchor
  std::int64_t valid_until = 0;     ///< until when the outcome may be relied on, seconds since 1970; 0: no bound
  // When refused:
  std::string check;                ///< which check said no: "chain", "name", "purpose", "validity", "key-size", "dane", ...
  std::string reason;               ///< for people: what is wrong
  std::string certificate;          ///< subject of the certificate at fault
  std::int32_t x509_error = 0;      ///< X509_V_ERR_*: the worker's alert follows from it
  Attributes attributes;            ///< when accepted
  Bytes proof;                      ///< when accepted and rules were asked: Proof, for the question about a resumption
  std::string explanation;          ///< where it was asked for: a tree, for people
  DecidedBy decided_by;
  Keep keep;                        ///< stays in the judge
};
template <class Io> void fields(Io& io, ChainVerdict& m) {
  io(m.accepted, m.identity, m.names, m.how, m.anchor, m.valid_until, m.check, m.reason, m.certificate, m.x509_error, m.attributes,
     m.proof, m.explanation, m.decided_by);
}

}  // namespace tlspool::wire
