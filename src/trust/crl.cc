// SPDX-License-Identifier: Apache-2.0
#include "trust/crl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>

#include "base/contains.h"
#include "base/text.h"
#include "trust/crl_parser.h"
#include "trust/revocation_facts.h"

namespace tlspool::trust {
namespace {

using Name = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Freed<X509_ALGOR_free>>;
using BitString = std::unique_ptr<ASN1_BIT_STRING, Freed<ASN1_BIT_STRING_free>>;
using Any = std::unique_ptr<ASN1_TYPE, Freed<ASN1_TYPE_free>>;

constexpr const char* operation = "read list of revoked certificates";

struct PemPart {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  ~PemPart() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
};

Result<std::vector<Bytes>> lists_of(ByteView text, const std::string& subject) {
  std::vector<Bytes> out;
  if (!text.empty() && text[0] == der::sequence) {
    out.push_back(copy_of(text));
    return out;
  }
  const tls::BioPtr bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  while (bio) {
    PemPart part;
    if (PEM_read_bio(bio.get(), &part.name, &part.header, &part.data, &part.size) != 1) break;
    if (std::strcmp(part.name, PEM_STRING_X509_CRL) == 0) out.emplace_back(part.data, part.data + part.size);
  }
  ERR_clear_error();
  if (out.empty()) return fail({Code::certificate, operation, subject, "it is no list of revoked certificates in PEM or DER", {}});
  return out;
}

bool at_most(const Bytes& a, const Bytes& b) {
  return a.size() != b.size() ? a.size() < b.size() : !std::ranges::lexicographical_compare(b, a);
}

}  // namespace

Bytes serial_of(const X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &raw);
  if (size <= 0) return {};
  Bytes out;
  if (const auto item = DerReader({raw, static_cast<std::size_t>(size)}).take()) out = copy_of(item->content);
  OPENSSL_free(raw);
  return out;
}

Result<std::vector<Crl>> Crl::read(ByteView text, std::size_t most_bytes, const std::string& subject) {
  if (text.size() > most_bytes) {
    return fail({Code::certificate, operation, subject, "it is larger than " + std::to_string(most_bytes) + " bytes",
                 "raise list_bytes in [revocation] if it is meant to be"});
  }
  auto lists = lists_of(text, subject);
  if (!lists) return fail(std::move(lists.error()));
  std::vector<Crl> out;
  for (Bytes& der : *lists) {
    Crl& crl = out.emplace_back();
    crl.subject_ = subject;
    CrlParser parser(crl);
    if (!parser.parse(der)) return fail({Code::certificate, operation, subject, parser.problem(), {}});
    crl.serials_.shrink_to_fit();
    crl.entries_.shrink_to_fit();
    crl.der_ = std::move(der);
  }
  return out;
}

bool Crl::issued_by(const X509* issuer) const {
  const unsigned char* at = issuer_.data();
  const Name name{d2i_X509_NAME(nullptr, &at, static_cast<long>(issuer_.size()))};
  ERR_clear_error();
  return name && X509_NAME_cmp(name.get(), X509_get_subject_name(issuer)) == 0;
}

bool Crl::verified_by(const X509* issuer) const {
  return !verified_by_.empty() && verified_by_ == tls::spki_digest(issuer) && issued_by(issuer);
}

Status Crl::verify(X509* issuer) {
  const std::string name = tls::subject_of(issuer);
  const auto refuse = [&](std::string reason) { return fail({Code::certificate, "check list of revoked certificates", subject_, std::move(reason), {}}); };
  if (verified_by(issuer)) return {};
  if (!issued_by(issuer)) return refuse("it is not of " + name);
  if (!verified_by_.empty()) return refuse("it is signed with another key than the one of " + name);
  if ((X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0) return refuse(name + " may not sign lists (its key usage)");
  DerReader outer(der_);
  DerReader parts(outer.take()->content);  // parse() has seen that they are there
  const ByteView tbs = parts.take()->whole;
  const ByteView algorithm_der = parts.take()->whole;
  const ByteView signature_der = parts.take()->whole;
  const unsigned char* at = algorithm_der.data();
  const Algorithm algorithm{d2i_X509_ALGOR(nullptr, &at, static_cast<long>(algorithm_der.size()))};
  at = signature_der.data();
  const BitString signature{d2i_ASN1_BIT_STRING(nullptr, &at, static_cast<long>(signature_der.size()))};
  at = tbs.data();
  const Any body{d2i_ASN1_TYPE(nullptr, &at, static_cast<long>(tbs.size()))};
  if (!algorithm || !signature || !body) {
    ERR_clear_error();
    return refuse("it is malformed");
  }
  if (const std::string weakness = weakness_of(algorithm.get()); !weakness.empty()) return refuse(weakness);
  EVP_PKEY* key = X509_get0_pubkey(issuer);
  // As ANY its bytes are signed and hashed as they came.
  const bool good = key != nullptr && ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algorithm.get(), signature.get(), body.get(), key) == 1;
  ERR_clear_error();
  if (!good) return refuse("its signature is not of the key of " + name);
  verified_by_ = tls::spki_digest(issuer);
  der_ = {};
  return {};
}

std::string Crl::not_for(const X509* certificate) const {
  const bool ca = X509_check_ca(const_cast<X509*>(certificate)) > 0;
  if (users_only_ && ca) return "it does not list certificates of authorities";
  if (cas_only_ && !ca) return "it lists certificates of authorities alone";
  if (!bounded_) return {};
  for (const std::string& url : crl_urls(certificate)) {
    if (contains(points_, url)) return {};
  }
  return "it is only for certificates that name its distribution point";
}

std::string Crl::out_of_date(std::int64_t now) const {
  if (this_update_ > now + clock_skew) return "it is from the future";
  if (next_update_ < now - clock_skew) return "it is out of date, the next one has been due since then";
  return {};
}

std::string Crl::does_not_continue(const Crl& base) const {
  if (!base_ || base.base_) return "it is no delta list";
  if (issuer_ != base.issuer_ || scope_ != base.scope_) return "it is of another issuer or for other certificates than the whole list";
  if (!base.number_) return "the whole list has no number";
  if (!at_most(*base_, *base.number_)) return "it continues a later list than the whole one that is there";
  if (!at_most(*base.number_, *number_)) return "it is older than the whole list";
  return {};
}

bool Crl::superseded_by(const Crl& base) const {
  return base_ && !base.base_ && issuer_ == base.issuer_ && scope_ == base.scope_ && base.number_ && !at_most(*base.number_, *number_);
}

Crl::Entry Crl::find(ByteView wanted) const {
  const auto less = [this](const Place& place, ByteView value) {
    const ByteView s = serial(place);
    return s.size() != value.size() ? s.size() < value.size() : std::ranges::lexicographical_compare(s, value);
  };
  auto at = std::lower_bound(entries_.begin(), entries_.end(), wanted, less);
  Entry out = Entry::none;
  for (; at != entries_.end() && std::ranges::equal(serial(*at), wanted); ++at) {
    if (!at->removed) return Entry::revoked;
    out = Entry::removed;
  }
  return out;
}

}  // namespace tlspool::trust
