// SPDX-License-Identifier: Apache-2.0
#include "trust/revocation_facts.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::trust {
namespace {

using Pss = std::unique_ptr<RSA_PSS_PARAMS, Freed<RSA_PSS_PARAMS_free>>;
using Features = std::unique_ptr<TLS_FEATURE, Freed<TLS_FEATURE_free>>;
using Points = std::unique_ptr<CRL_DIST_POINTS, Freed<CRL_DIST_POINTS_free>>;
using Access = std::unique_ptr<AUTHORITY_INFO_ACCESS, Freed<AUTHORITY_INFO_ACCESS_free>>;

constexpr std::size_t longest_url = 1024;
constexpr std::size_t most_urls = 8;
constexpr long status_request = 5;  // RFC 6066 section 8

int digest_of(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* oid = nullptr;
  int type = V_ASN1_UNDEF;
  const void* parameters = nullptr;
  X509_ALGOR_get0(&oid, &type, &parameters, algorithm);
  const int nid = OBJ_obj2nid(oid);
  if (nid == NID_rsassaPss) {
    if (type != V_ASN1_SEQUENCE) return NID_sha1;  // the default of RFC 4055
    const auto* text = static_cast<const ASN1_STRING*>(parameters);
    const unsigned char* at = ASN1_STRING_get0_data(text);
    const Pss pss{d2i_RSA_PSS_PARAMS(nullptr, &at, ASN1_STRING_length(text))};
    if (!pss || pss->hashAlgorithm == nullptr) return NID_sha1;
    const ASN1_OBJECT* hash = nullptr;
    X509_ALGOR_get0(&hash, nullptr, nullptr, pss->hashAlgorithm);
    return OBJ_obj2nid(hash);
  }
  if (nid == NID_ED25519 || nid == NID_ED448) return NID_sha512;
  int digest = NID_undef;
  int key = NID_undef;
  return OBJ_find_sigid_algs(nid, &digest, &key) == 1 ? digest : NID_undef;
}

std::vector<std::string> points_of(const X509* certificate, int nid) {
  std::vector<std::string> out;
  const Points points{static_cast<CRL_DIST_POINTS*>(X509_get_ext_d2i(certificate, nid, nullptr, nullptr))};
  ERR_clear_error();
  for (int i = 0; points && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
    if (point->distpoint == nullptr || point->distpoint->type != 0 || point->reasons != nullptr || point->CRLissuer != nullptr) continue;
    add_web_uris(point->distpoint->name.fullname, out);
  }
  return out;
}

}  // namespace

void add_web_uris(const GENERAL_NAMES* names, std::vector<std::string>& out) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* uri = name->d.uniformResourceIdentifier;
    const std::string text{reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri))};
    const std::string scheme = lower(std::string_view(text).substr(0, 8));
    const bool web = scheme.starts_with("http://") || scheme == "https://";
    const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
    if (!web || !plain || text.size() > longest_url || out.size() >= most_urls) continue;
    if (!contains(out, text)) out.push_back(text);
  }
}

std::string weakness_of(const X509_ALGOR* algorithm) {
  const int digest = digest_of(algorithm);
  switch (digest) {
    case NID_sha224:
    case NID_sha256:
    case NID_sha384:
    case NID_sha512:
    case NID_sha512_256:
    case NID_sha3_256:
    case NID_sha3_384:
    case NID_sha3_512: return {};
    case NID_undef: return "it is signed by an unknown algorithm";
    default: return std::string("it is signed with ") + OBJ_nid2sn(digest) + ", which is too weak";
  }
}

bool must_staple(const X509* certificate) {
  const Features features{static_cast<TLS_FEATURE*>(X509_get_ext_d2i(certificate, NID_tlsfeature, nullptr, nullptr))};
  ERR_clear_error();
  for (int i = 0; features && i < sk_ASN1_INTEGER_num(features.get()); ++i) {
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i)) == status_request) return true;
  }
  return false;
}

std::vector<std::string> ocsp_urls(const X509* certificate) {
  std::vector<std::string> out;
  const Access access{static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(certificate, NID_info_access, nullptr, nullptr))};
  ERR_clear_error();
  const std::unique_ptr<GENERAL_NAMES, Freed<[](GENERAL_NAMES* n) { sk_GENERAL_NAME_free(n); }>> names{sk_GENERAL_NAME_new_null()};
  for (int i = 0; access && names && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* entry = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    if (OBJ_obj2nid(entry->method) == NID_ad_OCSP) sk_GENERAL_NAME_push(names.get(), entry->location);
  }
  add_web_uris(names.get(), out);
  return out;
}

std::vector<std::string> crl_urls(const X509* certificate) { return points_of(certificate, NID_crl_distribution_points); }
std::vector<std::string> delta_urls(const X509* certificate) { return points_of(certificate, NID_freshest_crl); }

}  // namespace tlspool::trust
