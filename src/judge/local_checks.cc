// SPDX-License-Identifier: Apache-2.0
#include "judge/local_checks.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>

#include "trust/names.h"
#include "trust/refusal.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using trust::CheckKind;

CheckAnswer if_so(bool so, std::string reason) { return so ? says_yes() : says_no(std::move(reason)); }

CheckAnswer check_chain(const Subject& s) {
  const trust::FoundPath& path = s.presented->path;
  if (!path) return says_no(path.error().reason);
  return says_yes("it leads to " + tls::subject_of(path->certificates.back().get()), path->valid_until);
}

CheckAnswer check_name(const Subject& s) {
  const auto refusal = trust::refuse_name(*s.presented, s.query.expected);
  return refusal ? says_no(refusal->reason) : says_yes(s.identity);
}

CheckAnswer check_domain(const Subject& s) {
  const auto at = s.query.expected.find('@');
  if (at == std::string::npos) return no_answer("no user was expected");
  const std::string domain = s.query.expected.substr(at + 1);
  const auto named = trust::check_name(s.leaf(), domain);
  return named ? says_yes(domain) : says_no(named.error().reason);
}

/// An anchor's own signature counts for nothing: it is trusted as it is.
int weakest_bits(const Subject& s) {
  int weakest = 1 << 16;
  const auto look = [&](const std::vector<tls::Certificate>& certificates, bool to_an_anchor) {
    for (const tls::Certificate& certificate : certificates) {
      weakest = std::min(weakest, EVP_PKEY_get_security_bits(X509_get0_pubkey(certificate.get())));
      int bits = 0;
      const bool anchor = to_an_anchor && &certificate == &certificates.back();
      if (!anchor && X509_get_signature_info(certificate.get(), nullptr, nullptr, &bits, nullptr) == 1) weakest = std::min(weakest, bits);
    }
  };
  const trust::Presented& p = *s.presented;
  if (p.path) {
    look(p.path->certificates, true);
  } else {
    look(p.certificates, false);
  }
  ERR_clear_error();
  return weakest;
}

CheckAnswer check_strength(const Subject& s, std::uint32_t bits) {
  const int weakest = weakest_bits(s);
  return if_so(weakest >= static_cast<int>(bits), fmt::format("the weakest key or digest has {} bits of security", weakest));
}

CheckAnswer check_extension(const Subject& s, const std::string& oid) {
  const std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>> object{OBJ_txt2obj(oid.c_str(), 1)};
  if (!object) {
    ERR_clear_error();
    return no_answer("OpenSSL can't read the OID");
  }
  return if_so(X509_get_ext_by_OBJ(s.leaf(), object.get(), -1) >= 0, "the certificate does not have it");
}

CheckAnswer check_age(const Subject& s, std::uint32_t days) {
  constexpr std::int64_t day = 24 * 60 * 60;
  const std::int64_t issued = trust::seconds_of(X509_get0_notBefore(s.leaf()));
  const std::int64_t end = issued + static_cast<std::int64_t>(days) * day;
  if (s.now > end) return says_no("it was issued on " + trust::time_text(X509_get0_notBefore(s.leaf())));
  return says_yes({}, end);
}

}  // namespace

std::optional<CheckAnswer> check_locally(const Subject& s, const trust::Check& check) {
  const wire::ConnectionFacts& facts = s.query.connection;
  const auto of_certificate = [&](auto&& look) { return s.presented ? look() : says_no("the peer showed no certificate"); };
  const auto of_connection = [&](bool so, const char* reason) { return facts.known ? if_so(so, reason) : no_answer("there is no connection"); };
  switch (check.kind) {
    case CheckKind::chain: return of_certificate([&] { return check_chain(s); });
    case CheckKind::selfsigned:
      return of_certificate([&] { return if_so(X509_self_signed(s.leaf(), 1) == 1, "another key has signed it"); });
    case CheckKind::name: return of_certificate([&] { return check_name(s); });
    case CheckKind::domain_for_user: return of_certificate([&] { return check_domain(s); });
    case CheckKind::extension: return of_certificate([&] { return check_extension(s, check.argument); });
    case CheckKind::key_strength: return of_certificate([&] { return check_strength(s, check.number); });
    case CheckKind::age: return of_certificate([&] { return check_age(s, check.number); });
    case CheckKind::forward_secrecy: return of_connection(facts.forward_secrecy, "there was no Diffie-Hellman exchange");
    case CheckKind::psk: return of_connection(facts.shared_key != wire::SharedKeyUse::none, "no shared key protects the connection");
    case CheckKind::qkd: return of_connection(facts.shared_key == wire::SharedKeyUse::one_time, "no one-time key protects the connection");
    case CheckKind::quantum_safe: return of_connection(facts.quantum_safe, "the key exchange rests on Diffie-Hellman or RSA alone");
    case CheckKind::local_role: {
      const bool client = check.argument == "client";
      return if_so(client == s.query.peer_is_server, client ? "we are the server" : "we are the client");
    }
    case CheckKind::dane:
    case CheckKind::dane_if_present:
    case CheckKind::pin:
    case CheckKind::pin_or_first_use:
    case CheckKind::crl:
    case CheckKind::crl_if_present:
    case CheckKind::ocsp:
    case CheckKind::ocsp_if_known:
    case CheckKind::stapled: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace tlspool::judge
