// SPDX-License-Identifier: Apache-2.0
#include "trust/crl_parser.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <limits>

#include "trust/path.h"
#include "trust/revocation_facts.h"

namespace tlspool::trust {
namespace {

using Time = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using Idp = std::unique_ptr<ISSUING_DIST_POINT, Freed<ISSUING_DIST_POINT_free>>;
using Points = std::unique_ptr<CRL_DIST_POINTS, Freed<CRL_DIST_POINTS_free>>;

// RFC 5280: a serial number has at most 20 octets; some have a few more.
constexpr std::size_t longest_serial = 64;
constexpr std::size_t most_extension_bytes = 64 * 1024;
constexpr int reason_removed = 8;

// id-ce, 2.5.29, and one more byte.
bool is_ce(ByteView oid, std::uint8_t last) { return oid.size() == 3 && oid[0] == 0x55 && oid[1] == 0x1d && oid[2] == last; }
constexpr std::uint8_t ce_reason = 21, ce_invalidity = 24, ce_number = 20, ce_delta = 27, ce_idp = 28, ce_issuer = 29, ce_freshest = 46;

// One Extension: its OID, whether it is critical, its value.
struct Extension {
  ByteView oid;
  bool critical = false;
  ByteView value;
};
std::optional<Extension> read_extension(DerReader& in) {
  const auto whole = in.take(der::sequence);
  if (!whole) return std::nullopt;
  DerReader inside(whole->content);
  Extension out;
  const auto oid = inside.take(der::oid);
  if (!oid) return std::nullopt;
  out.oid = oid->content;
  if (inside.next() == der::boolean) {
    const auto flag = inside.take();
    if (!flag || flag->content.size() != 1) return std::nullopt;
    out.critical = flag->content[0] != 0;
  }
  const auto value = inside.take(der::octet_string);
  if (!value || !inside.empty()) return std::nullopt;
  out.value = value->content;
  return out;
}

std::optional<Bytes> number_of(ByteView value) {
  DerReader in(value);
  const auto number = in.take(der::integer);
  if (!number || !in.empty() || number->content.empty() || number->content.size() > 21 || (number->content[0] & 0x80) != 0) return std::nullopt;
  const auto first = std::ranges::find_if(number->content, [](std::uint8_t b) { return b != 0; });
  return Bytes(first, number->content.end());
}

void add_names(const GENERAL_NAMES* names, std::vector<std::string>& out) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* uri = name->d.uniformResourceIdentifier;
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
}

bool shorter_or_less(ByteView a, ByteView b) {
  return a.size() != b.size() ? a.size() < b.size() : std::ranges::lexicographical_compare(a, b);
}

}  // namespace

bool CrlParser::parse(ByteView bytes) {
  DerReader outer(bytes);
  const auto list = outer.take(der::sequence);
  if (!list || !outer.empty()) return wrong("it is no list of revoked certificates in PEM or DER");
  DerReader parts(list->content);
  const auto tbs = parts.take(der::sequence);
  const auto algorithm = parts.take(der::sequence);
  const auto signature = parts.take(der::bit_string);
  if (!tbs || !algorithm || !signature || !parts.empty()) return wrong("it is no list of revoked certificates in PEM or DER");
  if (!body(tbs->content)) return wrong("it is malformed");
  // Most lists are sorted by nothing.
  std::ranges::sort(crl_.entries_, [this](const auto& a, const auto& b) { return shorter_or_less(crl_.serial(a), crl_.serial(b)); });
  return true;
}

bool CrlParser::body(ByteView content) {
  DerReader in(content);
  if (in.next() == der::integer) {
    const auto version = in.take();
    if (!version || version->content.size() != 1 || version->content[0] != 1) return wrong("its version is not 2");
  }
  if (!in.take(der::sequence)) return false;
  const auto issuer = in.take(der::sequence);
  if (!issuer || issuer->whole.size() > most_extension_bytes) return false;
  crl_.issuer_ = copy_of(issuer->whole);
  if (!time(in, crl_.this_update_)) return false;
  if (in.next() == der::utc_time || in.next() == der::generalized_time) {
    if (!time(in, crl_.next_update_)) return false;
  } else {
    return wrong("it does not say when the next one comes, so nobody knows how long it holds");
  }
  if (crl_.next_update_ <= crl_.this_update_) return wrong("its next update is not after this one");
  if (in.next() == der::sequence) {
    const auto revoked = in.take();
    if (!revoked || !entries(revoked->content)) return false;
  }
  if (in.next() == der::context0) {
    const auto tagged = in.take();
    if (!tagged || tagged->content.size() > most_extension_bytes) return false;
    DerReader inside(tagged->content);
    const auto list = inside.take(der::sequence);
    if (!list || !inside.empty() || !extensions(list->content)) return false;
  }
  return in.empty();
}

bool CrlParser::time(DerReader& in, std::int64_t& out) {
  const auto item = in.take();
  if (!item || (item->tag != der::utc_time && item->tag != der::generalized_time)) return false;
  const unsigned char* at = item->whole.data();
  const Time time{d2i_ASN1_TIME(nullptr, &at, static_cast<long>(item->whole.size()))};
  ERR_clear_error();
  std::tm parts{};
  if (!time || ASN1_TIME_to_tm(time.get(), &parts) != 1) return false;
  out = seconds_of(time.get());
  return true;
}

bool CrlParser::entries(ByteView content) {
  DerReader in(content);
  while (!in.empty()) {
    const auto item = in.take(der::sequence);
    if (!item || !entry(item->content)) return false;
  }
  return true;
}

bool CrlParser::entry(ByteView content) {
  DerReader in(content);
  const auto serial = in.take(der::integer);
  if (!serial || serial->content.empty() || serial->content.size() > longest_serial) return false;
  const auto date = in.take();  // when it was revoked makes no difference
  if (!date || (date->tag != der::utc_time && date->tag != der::generalized_time)) return false;
  bool removed = false;
  if (in.next() == der::sequence) {
    const auto extensions = in.take();
    if (!extensions || !entry_extensions(extensions->content, removed)) return false;
  }
  if (!in.empty() || crl_.serials_.size() > std::numeric_limits<std::uint32_t>::max() - longest_serial) return false;
  crl_.entries_.push_back({static_cast<std::uint32_t>(crl_.serials_.size()), static_cast<std::uint8_t>(serial->content.size()), removed});
  crl_.serials_.insert(crl_.serials_.end(), serial->content.begin(), serial->content.end());
  return true;
}

bool CrlParser::entry_extensions(ByteView content, bool& removed) {
  DerReader in(content);
  while (!in.empty()) {
    const auto e = read_extension(in);
    if (!e) return false;
    if (is_ce(e->oid, ce_issuer)) return wrong("it names certificates of other issuers (an indirect list), which is not supported");
    if (is_ce(e->oid, ce_reason)) {
      DerReader value(e->value);
      const auto reason = value.take(der::enumerated);
      if (!reason || reason->content.size() != 1) return false;
      removed = reason->content[0] == reason_removed;
    } else if (e->critical && !is_ce(e->oid, ce_invalidity)) {
      return wrong("an entry has a critical extension that is not known here");
    }
  }
  return true;
}

bool CrlParser::extensions(ByteView content) {
  DerReader in(content);
  while (!in.empty()) {
    const auto e = read_extension(in);
    if (!e || !extension(e->oid, e->critical, e->value)) return false;
  }
  return !crl_.base_ || crl_.number_ || wrong("it is a delta list without a number");
}

bool CrlParser::extension(ByteView oid, bool critical, ByteView value) {
  if (is_ce(oid, ce_number)) {
    crl_.number_ = number_of(value);
    return crl_.number_.has_value();
  }
  if (is_ce(oid, ce_delta)) {
    crl_.base_ = number_of(value);
    return crl_.base_.has_value();
  }
  if (is_ce(oid, ce_idp)) return distribution_point(value);
  if (is_ce(oid, ce_freshest)) {
    const unsigned char* at = value.data();
    const Points points{d2i_CRL_DIST_POINTS(nullptr, &at, static_cast<long>(value.size()))};
    ERR_clear_error();
    for (int i = 0; points && i < sk_DIST_POINT_num(points.get()); ++i) {
      const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
      if (point->distpoint != nullptr && point->distpoint->type == 0) add_web_uris(point->distpoint->name.fullname, crl_.deltas_);
    }
    return true;
  }
  return !critical || wrong("it has a critical extension that is not known here");
}

bool CrlParser::distribution_point(ByteView value) {
  const unsigned char* at = value.data();
  const Idp idp{d2i_ISSUING_DIST_POINT(nullptr, &at, static_cast<long>(value.size()))};
  ERR_clear_error();
  if (!idp || at != value.data() + value.size()) return false;
  if (idp->indirectCRL > 0) return wrong("it names certificates of other issuers (an indirect list), which is not supported");
  if (idp->onlysomereasons != nullptr) return wrong("it is only for some reasons of revocation, which is not supported");
  if (idp->onlyattr > 0) return wrong("it is only for attribute certificates");
  crl_.users_only_ = idp->onlyuser > 0;
  crl_.cas_only_ = idp->onlyCA > 0;
  crl_.scope_ = copy_of(value);
  if (idp->distpoint != nullptr) {
    crl_.bounded_ = true;
    if (idp->distpoint->type == 0) add_names(idp->distpoint->name.fullname, crl_.points_);
  }
  return true;
}

}  // namespace tlspool::trust
