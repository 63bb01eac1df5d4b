// SPDX-License-Identifier: Apache-2.0
#include "trust/dane.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <optional>

#include "trust/chain.h"
#include "trust/cost.h"
#include "trust/names.h"
#include "trust/path.h"

namespace tlspool::trust {
namespace {

using PublicKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Chain = std::vector<tls::Certificate>;

constexpr int min_security_bits = 112;

struct Numbered {
  std::size_t index;
  Tlsa record;
};

// What all records of one verdict share.
struct Case {
  const DaneQuery& query;
  std::time_t now;
  Chain chain;
  std::optional<FoundPath> pkix;  // made when a record first wants it
};

const char* name_of(TlsaUsage usage) {
  switch (usage) {
    case TlsaUsage::pkix_ta:
      return "PKIX-TA";
    case TlsaUsage::pkix_ee:
      return "PKIX-EE";
    case TlsaUsage::dane_ta:
      return "DANE-TA";
    case TlsaUsage::dane_ee:
      return "DANE-EE";
  }
  return "";
}

// The owner of the zone binds the key itself with DANE-EE: that first, then what needs ever more.
int rank(TlsaUsage usage) {
  switch (usage) {
    case TlsaUsage::dane_ee:
      return 0;
    case TlsaUsage::dane_ta:
      return 1;
    case TlsaUsage::pkix_ee:
      return 2;
    case TlsaUsage::pkix_ta:
      return 3;
  }
  return 4;
}

std::vector<X509*> borrowed(const Chain& chain, std::size_t from = 0) {
  std::vector<X509*> out;
  for (std::size_t i = from; i < chain.size(); ++i) out.push_back(chain[i].get());
  return out;
}

PathRules rules(const Case& c) { return {c.query.peer_is_server, c.query.any_usage, c.now}; }

std::string refuse_names(const Case& c) {
  if (c.query.names.empty()) return {};
  std::string why;
  for (const std::string& name : c.query.names) {
    const auto named = check_name(c.chain.front().get(), name);
    if (named) return {};
    why = named.error().reason;
  }
  return why;
}

// An empty string: it holds, and the verdict is filled in.
using Lack = std::string;

Lack judge_dane_ee(const Case& c, const Tlsa& record, DaneVerdict& v) {
  const X509* leaf = c.chain.front().get();
  if (!is_about(record, leaf)) return "the peer's own certificate is another";
  const EVP_PKEY* key = X509_get0_pubkey(leaf);
  if (key == nullptr || EVP_PKEY_get_security_bits(key) < min_security_bits) return "the certificate's key is too weak";
  v.depth = 0;
  return {};
}

Lack take(const Case& c, const FoundPath& path, std::size_t depth, DaneVerdict& v) {
  if (!path) return path.error().reason;
  if (std::string why = refuse_names(c); !why.empty()) return why;
  v.depth = depth;
  v.valid_until = path->valid_until;
  return {};
}

Lack judge_pkix(Case& c, const Tlsa& record, DaneVerdict& v) {
  if (c.query.anchors == nullptr || c.query.anchors->store() == nullptr) return "no trust anchor is known";
  if (record.usage == TlsaUsage::pkix_ee && !is_about(record, c.chain.front().get())) return "the peer's own certificate is another";
  if (!c.pkix) c.pkix = find_path(c.query.anchors->store(), c.chain.front().get(), borrowed(c.chain, 1), rules(c));
  const FoundPath& path = *c.pkix;
  if (record.usage == TlsaUsage::pkix_ee || !path) return take(c, path, 0, v);
  for (std::size_t i = 1; i < path->certificates.size(); ++i) {
    if (is_about(record, path->certificates[i].get())) return take(c, path, i, v);
  }
  return "no CA certificate on the path to the trust anchor " + tls::subject_of(path->certificates.back().get()) + " is the one";
}

FoundPath path_to(const Case& c, X509* anchor) {
  const Store store{X509_STORE_new()};
  if (!store || X509_STORE_add_cert(store.get(), anchor) != 1) {
    return tl::unexpected(no_path(tls::openssl_error(Code::internal, "X509_STORE_new", "DANE-TA")));
  }
  PathRules r = rules(c);
  r.anchor_is_any = true;
  return find_path(store.get(), c.chain.front().get(), borrowed(c.chain, 1), r);
}

Lack judge_anchor(const Case& c, X509* anchor, DaneVerdict& v) {
  const FoundPath path = path_to(c, anchor);
  return take(c, path, path ? path->certificates.size() - 1 : 0, v);
}

// The record holds the anchor's key, and no certificate with it was sent: the certificate that it signed ends the path.
Lack judge_bare_key(const Case& c, EVP_PKEY* key, DaneVerdict& v) {
  Lack why = "the peer sent no certificate that this key has signed";
  for (const tls::Certificate& signed_by_it : c.chain) {
    if (X509_verify(signed_by_it.get(), key) != 1) continue;
    // A leaf that signed itself names itself, not an authority above it.
    if (EVP_PKEY_eq(X509_get0_pubkey(signed_by_it.get()), key) == 1) continue;
    const FoundPath path = path_to(c, signed_by_it.get());
    why = take(c, path, path ? path->certificates.size() : 0, v);
    if (why.empty()) break;
  }
  ERR_clear_error();
  return why;
}

Lack judge_dane_ta(const Case& c, const Tlsa& record, DaneVerdict& v) {
  Lack why = "no CA certificate that the peer sent is the one";
  for (std::size_t i = 1; i < c.chain.size(); ++i) {
    if (!is_about(record, c.chain[i].get())) continue;
    why = judge_anchor(c, c.chain[i].get(), v);
    if (why.empty()) return why;
  }
  if (record.matching != TlsaMatching::exact) return why;
  const unsigned char* at = record.data.data();
  const auto size = static_cast<long>(record.data.size());
  switch (record.selector) {
    case TlsaSelector::certificate: {
      Chain anchor;
      anchor.emplace_back(d2i_X509(nullptr, &at, size));
      if (!anchor.front()) return "its certificate can't be read";
      if (is_about(record, c.chain.front().get())) return "the peer's own certificate is no authority above itself";
      if (too_complex(anchor)) return "its certificate is too complex to check";
      return judge_anchor(c, anchor.front().get(), v);
    }
    case TlsaSelector::public_key: {
      const PublicKey key{d2i_PUBKEY(nullptr, &at, size)};
      if (!key || EVP_PKEY_get_bits(key.get()) > max_key_bits) return "its key can't be used";
      if (EVP_PKEY_get_security_bits(key.get()) < min_security_bits) return "its key is too weak";
      return judge_bare_key(c, key.get(), v);
    }
  }
  return why;
}

Lack judge_record(Case& c, const Tlsa& record, DaneVerdict& v) {
  switch (record.usage) {
    case TlsaUsage::dane_ee:
      return judge_dane_ee(c, record, v);
    case TlsaUsage::dane_ta:
      return judge_dane_ta(c, record, v);
    case TlsaUsage::pkix_ee:
    case TlsaUsage::pkix_ta:
      return judge_pkix(c, record, v);
  }
  return "its usage is unknown";
}

bool outdone(const Numbered& weak, const std::vector<Numbered>& all) {
  return weak.record.matching == TlsaMatching::sha256 && std::any_of(all.begin(), all.end(), [&](const Numbered& other) {
           return other.record.usage == weak.record.usage && other.record.selector == weak.record.selector &&
                  other.record.matching == TlsaMatching::sha512;
         });
}

void note(std::string& reasons, std::size_t index, const std::string& what) {
  constexpr std::size_t longest = 4096;
  if (reasons.size() > longest) return;
  if (!reasons.empty()) reasons += "; ";
  reasons += fmt::format("record {}{}", index + 1, what);
}

std::vector<Numbered> usable_records(const DaneQuery& query, std::string& reasons) {
  std::vector<Numbered> out;
  std::size_t bare = 0;
  for (std::size_t i = 0; i < query.records.size(); ++i) {
    auto record = i < max_tlsa_records ? parse_tlsa(query.records[i])
                                       : fail(Error{Code::invalid, "", "", fmt::format("only {} are looked at", max_tlsa_records), ""});
    if (record && record->usage == TlsaUsage::dane_ta && record->matching == TlsaMatching::exact && ++bare > max_bare_anchors) {
      record = fail(Error{Code::invalid, "", "", fmt::format("only {} whole anchors are looked at", max_bare_anchors), ""});
    }
    if (record) {
      out.push_back({i, *std::move(record)});
    } else {
      note(reasons, i, " is unusable: " + record.error().reason);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Numbered& a, const Numbered& b) { return rank(a.record.usage) < rank(b.record.usage); });
  return out;
}

std::string read_chain(const DaneQuery& query, Chain& chain) {
  std::size_t bytes = 0;
  for (const Bytes& der : query.chain) bytes += der.size();
  if (query.chain.empty()) return "the peer sent no certificate";
  if (query.chain.size() > max_certificates || bytes > max_chain_bytes) return "the peer's chain is too long";
  for (const Bytes& der : query.chain) {
    auto certificate = tls::certificate_from_der(der);
    if (!certificate) return fmt::format("certificate {} of the peer is malformed", chain.size() + 1);
    chain.push_back(*std::move(certificate));
  }
  return too_complex(chain) ? "the peer's chain is too complex to check" : "";
}

}  // namespace

DaneVerdict judge_dane(const DaneQuery& query, std::time_t now) {
  DaneVerdict v;
  Case c{query, now, {}, {}};
  v.reason = read_chain(query, c.chain);
  if (!v.reason.empty()) return v;
  const std::vector<Numbered> records = usable_records(query, v.reason);
  v.usable = records.size();
  for (const Numbered& one : records) {
    Lack why = outdone(one, records) ? "a SHA-512 record of the same kind stands for it" : judge_record(c, one.record, v);
    if (why.empty()) {
      v.matched = true;
      v.record = one.index;
      v.what = one.record;
      v.reason.clear();
      return v;
    }
    note(v.reason, one.index, fmt::format(" ({}): {}", name_of(one.record.usage), why));
  }
  if (query.records.empty()) v.reason = "there is no TLSA record";
  return v;
}

}  // namespace tlspool::trust
