// SPDX-License-Identifier: Apache-2.0
// The labels of metrics: each has the few values that stand here and no others, so that no peer can make new ones.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace tlspool::counters {

enum class Role : std::uint8_t { client, server };
enum class Version : std::uint8_t { none, tls12, tls13 };
/// How a handshake ended: the first two well, the others as the `reason` of io.tlspool.Pool.HandshakeFailed says, or because the
/// program left.
enum class Outcome : std::uint8_t {
  completed, resumed, timeout, alert, certificate, policy, token, shared_key, transport, left, other
};
/// What said no to the peer (HandshakeFailed.check).
enum class Check : std::uint8_t {
  chain, selfsigned, name, domain_for_user, dane, dane_if_present, pin, pin_or_first_use, crl, crl_if_present, ocsp, ocsp_if_known,
  stapled, forward_secrecy, psk, qkd, quantum_safe, extension, key_strength, local_role, age, purpose, validity, key_size, revoked,
  policy, authorization, judge, other
};
enum class SessionEnd : std::uint8_t { close_notify, truncated, reset, local, error };
enum class Direction : std::uint8_t { in, out };
/// Why a call for a handshake was refused before its first byte.
enum class Refusal : std::uint8_t { malformed, invalid, descriptors, identity, limit };
enum class Limit : std::uint8_t { sessions, handshakes, handshakes_per_uid, descriptors, control_connections, control_connections_per_uid };
enum class Lookup : std::uint8_t { hit, miss };
enum class Mechanism : std::uint8_t { rsa_pkcs1, rsa_pss, ecdsa_p256, ecdsa_p384, ed25519, other };
enum class SignResult : std::uint8_t { signed_, refused, failed };
/// A [[token]] by the number that the supervisor gave it; the last one stands for all that came too late for one of their own.
enum class Token : std::uint8_t {};
enum class KeyEvent : std::uint8_t { claimed, consumed, burned, refused };
enum class Stage : std::uint8_t { trust, trust_alone, authorization };
enum class Verdict : std::uint8_t { accepted, refused };
/// Whence a verdict came.
enum class Source : std::uint8_t { fresh, remembered, shared };
enum class Kind : std::uint8_t { keeper, worker, judge, fetcher, metrics };
enum class Reload : std::uint8_t { applied, refused };
enum class Fetch : std::uint8_t { answered, failed };
enum class Written : std::uint8_t { written, lost };

/// Tokens that have numbers of their own, and the one for the rest.
inline constexpr std::size_t most_tokens = 32;

struct Label {
  std::string_view name;
  std::span<const std::string_view> words;  ///< none: they come from the configuration, as those of tokens do
  [[nodiscard]] constexpr std::size_t size() const { return words.empty() ? most_tokens : words.size(); }
};

namespace words {
inline constexpr std::array<std::string_view, 2> role{"client", "server"};
inline constexpr std::array<std::string_view, 3> version{"none", "tls12", "tls13"};
inline constexpr std::array<std::string_view, 11> outcome{"completed", "resumed", "timeout",    "alert",     "certificate", "policy",
                                                          "token",     "sharedKey", "transport", "left", "other"};
inline constexpr std::array<std::string_view, 29> check{
    "chain",  "selfsigned",   "name",       "domain-for-user", "dane",  "dane-if-present", "pin",     "pin-or-first-use",
    "crl",    "crl-if-present", "ocsp",     "ocsp-if-known",   "stapled", "forward-secrecy", "psk",   "qkd",
    "quantum-safe", "extension", "key-strength", "local-role", "age",   "purpose",         "validity", "key-size",
    "revoked", "policy",      "authorization", "judge",        "other"};
inline constexpr std::array<std::string_view, 5> session_end{"closeNotify", "truncated", "reset", "local", "error"};
inline constexpr std::array<std::string_view, 2> direction{"in", "out"};
inline constexpr std::array<std::string_view, 5> refusal{"malformed", "invalid", "descriptors", "identity", "limit"};
inline constexpr std::array<std::string_view, 6> limit{"sessions", "handshakes", "handshakes_per_uid", "descriptors", "control_connections",
                                                       "control_connections_per_uid"};
inline constexpr std::array<std::string_view, 2> lookup{"hit", "miss"};
inline constexpr std::array<std::string_view, 6> mechanism{"rsa_pkcs1", "rsa_pss", "ecdsa_p256", "ecdsa_p384", "ed25519", "other"};
inline constexpr std::array<std::string_view, 3> sign_result{"signed", "refused", "failed"};
inline constexpr std::array<std::string_view, 4> key_event{"claimed", "consumed", "burned", "refused"};
inline constexpr std::array<std::string_view, 3> stage{"trust", "trust_alone", "authorization"};
inline constexpr std::array<std::string_view, 2> verdict{"accepted", "refused"};
inline constexpr std::array<std::string_view, 3> source{"fresh", "remembered", "shared"};
inline constexpr std::array<std::string_view, 5> kind{"keeper", "worker", "judge", "fetcher", "metrics"};
inline constexpr std::array<std::string_view, 2> reload{"applied", "refused"};
inline constexpr std::array<std::string_view, 2> fetch{"answered", "failed"};
inline constexpr std::array<std::string_view, 2> written{"written", "lost"};
}  // namespace words

/// The label that a type's values belong to.
template <class T>
inline constexpr Label label{};
template <> inline constexpr Label label<Role>{"role", words::role};
template <> inline constexpr Label label<Version>{"version", words::version};
template <> inline constexpr Label label<Outcome>{"outcome", words::outcome};
template <> inline constexpr Label label<Check>{"check", words::check};
template <> inline constexpr Label label<SessionEnd>{"end", words::session_end};
template <> inline constexpr Label label<Direction>{"direction", words::direction};
template <> inline constexpr Label label<Refusal>{"reason", words::refusal};
template <> inline constexpr Label label<Limit>{"limit", words::limit};
template <> inline constexpr Label label<Lookup>{"result", words::lookup};
template <> inline constexpr Label label<Mechanism>{"mechanism", words::mechanism};
template <> inline constexpr Label label<SignResult>{"result", words::sign_result};
template <> inline constexpr Label label<Token>{"token", {}};
template <> inline constexpr Label label<KeyEvent>{"event", words::key_event};
template <> inline constexpr Label label<Stage>{"stage", words::stage};
template <> inline constexpr Label label<Verdict>{"outcome", words::verdict};
template <> inline constexpr Label label<Source>{"source", words::source};
template <> inline constexpr Label label<Kind>{"process", words::kind};
template <> inline constexpr Label label<Reload>{"result", words::reload};
template <> inline constexpr Label label<Fetch>{"result", words::fetch};
template <> inline constexpr Label label<Written>{"result", words::written};

/// The value of this name; the last one, which is for all others, where there is none.
template <class T>
constexpr T value_of(std::string_view word) {
  const auto& all = label<T>.words;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == word) return static_cast<T>(i);
  }
  return static_cast<T>(all.size() - 1);
}

}  // namespace tlspool::counters
