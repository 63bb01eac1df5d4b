// SPDX-License-Identifier: Apache-2.0
// The checks that a trust expression is made of: their names, their arguments, and which of them follow from others.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tlspool::trust {

enum class CheckKind : std::uint8_t {
  chain,             ///< the certificates lead to a trust anchor, with dates, keys and purpose in order
  selfsigned,        ///< the peer's certificate is signed with its own key
  name,              ///< the certificate has the name that was expected
  domain_for_user,   ///< the certificate has the domain of the user that was expected
  dane,              ///< a TLSA record, proved by DNSSEC, matches
  dane_if_present,   ///< as dane, or it is proved that there is no such record
  pin,               ///< the key or the certificate is pinned
  pin_or_first_use,  ///< as pin, or nothing is pinned for this peer yet
  crl,               ///< a list of revoked certificates is there and does not have it
  crl_if_present,    ///< as crl, or no list is named for it
  ocsp,              ///< a responder says that it is not revoked
  ocsp_if_known,     ///< as ocsp, or no responder is known for it
  stapled,           ///< the peer itself sent such an answer of its responder
  forward_secrecy,   ///< who learns the long-term keys later can't read what was recorded
  psk,               ///< the connection is protected by a shared key
  qkd,               ///< as psk, with a one-time key
  quantum_safe,      ///< who has a quantum computer later can't read what was recorded
  extension,         ///< extension(OID): the certificate has it
  key_strength,      ///< key-strength(N): every key and digest has N bits of security or more
  local_role,        ///< local-role(client|server): which side of TLS we are
  age,               ///< age(DAYS): the certificate was issued at most so many days ago
};

/// A mistake in a text: where it is, counted in bytes from 0.
struct Mistake {
  std::size_t at = 0;
  std::string reason;
  std::string advice;
};

struct Check {
  CheckKind kind = CheckKind::chain;
  std::string argument;      ///< in its one spelling; empty where the check takes none
  std::uint32_t number = 0;  ///< of key-strength and age

  /// As it stands in an expression: "chain", "age(30)".
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Check&, const Check&) = default;
};

/// `argument` is null where no parentheses follow the name. A check that could never say yes, such as key-strength(9999),
/// is a mistake. Mistake::at is 0 for the name and 1 for the argument.
[[nodiscard]] tl::expected<Check, Mistake> make_check(std::string_view name, const std::string_view* argument);

/// Every check, in the order of the manual, those with arguments as "age(days)".
[[nodiscard]] std::vector<std::string> known_checks();

/// Whether an answer may cost the network. (CRLs and pins may come from files; what a peer staples comes with it.)
[[nodiscard]] bool may_ask_network(CheckKind kind);
/// Whether the answer rests on what this machine alone remembers.
[[nodiscard]] bool rests_on_memory(CheckKind kind);

/// Whether wherever `a` says yes, `b` does, too.
[[nodiscard]] bool implies(const Check& a, const Check& b);
/// Whether exactly one of the two says yes, always.
[[nodiscard]] bool alternatives(const Check& a, const Check& b);

}  // namespace tlspool::trust
