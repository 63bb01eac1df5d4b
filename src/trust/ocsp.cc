// SPDX-License-Identifier: Apache-2.0
#include "trust/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "trust/path.h"
#include "trust/revocation_facts.h"

namespace tlspool::trust {
namespace {

using Request = std::unique_ptr<OCSP_REQUEST, Freed<OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;
using CertId = std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>>;
using Signers = std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * s) { sk_X509_free(s); }>>;

constexpr int security_bits = 112;
constexpr int most_certificates = 8;
constexpr int most_answers = 64;

class Reading {
 public:
  Reading(const X509* certificate, X509* issuer, const OcspRules& rules) : certificate_(certificate), issuer_(issuer), rules_(rules) {}

  Result<OcspAnswer> read(ByteView der) {
    if (der.size() > max_ocsp_bytes) return refuse("it is larger than 64 KiB");
    const unsigned char* at = der.data();
    const Response response{d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size()))};
    if (!response || at != der.data() + der.size()) return refuse("it is no OCSP response");
    const int status = OCSP_response_status(response.get());
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) return refuse(std::string("the responder says ") + OCSP_response_status_str(status));
    basic_.reset(OCSP_response_get1_basic(response.get()));
    if (!basic_) return refuse("it is of a kind that is not known here");
    if (OCSP_BASICRESP_get_ext_by_critical(basic_.get(), 1, -1) >= 0) return refuse("it has a critical extension that is not known here");
    if (auto signer = check_signature(); !signer) return fail(std::move(signer.error()));
    if (wrong_nonce()) return refuse("its nonce is another one than the request's: it answers another request");
    return find();
  }

 private:
  tl::unexpected<Error> refuse(std::string reason) const {
    ERR_clear_error();
    return fail({Code::certificate, "read OCSP response", tls::subject_of(certificate_), std::move(reason), {}});
  }

  bool is_responder(const X509* candidate) const {
    const ASN1_OCTET_STRING* digest = nullptr;
    const X509_NAME* name = nullptr;
    if (OCSP_resp_get0_id(basic_.get(), &digest, &name) != 1) return false;
    if (name != nullptr) return X509_NAME_cmp(name, X509_get_subject_name(candidate)) == 0;
    std::array<unsigned char, EVP_MAX_MD_SIZE> own{};
    unsigned size = 0;
    return X509_pubkey_digest(candidate, EVP_sha1(), own.data(), &size) == 1 &&
           std::ranges::equal(std::span(own).first(size),
                              ByteView(ASN1_STRING_get0_data(digest), static_cast<std::size_t>(ASN1_STRING_length(digest))));
  }

  bool signed_by(X509* signer) const {
    const Signers only{sk_X509_new_null()};
    return only && sk_X509_push(only.get(), signer) > 0 &&
           OCSP_basic_verify(basic_.get(), only.get(), nullptr, OCSP_NOINTERN | OCSP_NOVERIFY) == 1;
  }

  // The issuer itself, or a certificate of the issuer for this purpose.
  Status check_signature() {
    if (const std::string weakness = weakness_of(OCSP_resp_get0_tbs_sigalg(basic_.get())); !weakness.empty()) return refuse(weakness);
    if (is_responder(issuer_)) return signed_by(issuer_) ? Status{} : refuse("its signature is not of " + tls::subject_of(issuer_));
    const STACK_OF(X509)* certificates = OCSP_resp_get0_certs(basic_.get());
    if (sk_X509_num(certificates) > most_certificates) return refuse("it has more than 8 certificates");
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
      X509* candidate = sk_X509_value(certificates, i);
      if (!is_responder(candidate)) continue;
      if (const std::string problem = not_delegated(candidate); !problem.empty()) return refuse(tls::subject_of(candidate) + " signed it, " + problem);
      return signed_by(candidate) ? Status{} : refuse("its signature is not of " + tls::subject_of(candidate));
    }
    return refuse("it is signed by somebody who is not " + tls::subject_of(issuer_) + " and has no certificate in it");
  }

  std::string not_delegated(X509* signer) const {
    if (X509_NAME_cmp(X509_get_issuer_name(signer), X509_get_subject_name(issuer_)) != 0) return "whose certificate is of another issuer";
    int bits = 0;
    if (X509_get_signature_info(signer, nullptr, nullptr, &bits, nullptr) != 1 || bits < security_bits) return "whose certificate is signed too weakly";
    EVP_PKEY* key = X509_get0_pubkey(issuer_);
    if (key == nullptr || X509_verify(signer, key) != 1) return "whose certificate the issuer did not sign";
    if ((X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN) == 0) {
      return "whose certificate is not for signing OCSP responses (id-kp-OCSPSigning)";
    }
    if ((X509_get_extension_flags(signer) & EXFLAG_CRITICAL) != 0) return "whose certificate has a critical extension that is not known here";
    if ((X509_get_key_usage(signer) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) return "whose certificate is not for signatures (its key usage)";
    auto now = static_cast<time_t>(rules_.now);
    if (X509_cmp_time(X509_get0_notBefore(signer), &now) >= 0 || X509_cmp_time(X509_get0_notAfter(signer), &now) <= 0) {
      return "whose certificate is not valid now";
    }
    EVP_PKEY* own = X509_get0_pubkey(signer);
    return own != nullptr && EVP_PKEY_get_security_bits(own) >= security_bits ? "" : "whose key is too weak";
  }

  bool wrong_nonce() const {
    const int at = OCSP_BASICRESP_get_ext_by_NID(basic_.get(), NID_id_pkix_OCSP_Nonce, -1);
    if (rules_.nonce.empty() || at < 0) return false;
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic_.get(), at));
    const ByteView got(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value)));
    // An OCTET STRING in the extension's one (RFC 8954); older responders leave the inner one out.
    return !(got.size() == rules_.nonce.size() + 2 && std::ranges::equal(got.subspan(2), rules_.nonce)) && !std::ranges::equal(got, rules_.nonce);
  }

  bool is_for_us(OCSP_SINGLERESP* single) const {
    ASN1_OBJECT* digest = nullptr;
    auto* id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
    if (OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, id) != 1) return false;
    const EVP_MD* md = EVP_get_digestbyobj(digest);
    if (md == nullptr) return false;
    const CertId own{OCSP_cert_to_id(md, certificate_, issuer_)};
    return own && OCSP_id_cmp(own.get(), id) == 0;
  }

  Result<OcspAnswer> find() const {
    const int count = OCSP_resp_count(basic_.get());
    if (count > most_answers) return refuse("it is about more than 64 certificates");
    for (int i = 0; i < count; ++i) {
      OCSP_SINGLERESP* single = OCSP_resp_get0(basic_.get(), i);
      if (is_for_us(single)) return judge(single);
    }
    return refuse("it is about another certificate");
  }

  Result<OcspAnswer> judge(OCSP_SINGLERESP* single) const {
    if (OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0) return refuse("it has a critical extension that is not known here");
    int reason = -1;
    ASN1_GENERALIZEDTIME* revoked = nullptr;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    OcspAnswer answer;
    const int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
    answer.this_update = from == nullptr ? 0 : seconds_of(from);
    const std::int64_t produced = seconds_of(OCSP_resp_get0_produced_at(basic_.get()));
    if (answer.this_update <= 0 || produced <= 0) return refuse("its dates can't be read");
    if (answer.this_update > rules_.now + clock_skew || produced > rules_.now + clock_skew) return refuse("it is from the future");
    answer.next_update = answer.this_update + rules_.oldest;
    if (until != nullptr) {
      const std::int64_t next = seconds_of(until);
      if (next < answer.this_update) return refuse("its next update is before this one");
      if (next < rules_.now - clock_skew) return refuse("it is out of date: the next one has been due since then");
      answer.next_update = std::min(answer.next_update, next);
    }
    if (answer.next_update < rules_.now - clock_skew) {
      return refuse("it is older than " + std::to_string(rules_.oldest) + " seconds");
    }
    switch (status) {
      case V_OCSP_CERTSTATUS_GOOD: answer.status = OcspAnswer::Status::good; break;
      case V_OCSP_CERTSTATUS_REVOKED:
        answer.status = OcspAnswer::Status::revoked;
        answer.revoked_at = revoked == nullptr ? 0 : seconds_of(revoked);
        if (reason >= 0) answer.reason = OCSP_crl_reason_str(reason);
        break;
      default: answer.status = OcspAnswer::Status::unknown;
    }
    return answer;
  }

  const X509* certificate_;
  X509* issuer_;
  const OcspRules& rules_;
  Basic basic_;
};

}  // namespace

Result<OcspRequest> make_ocsp_request(const X509* certificate, const X509* issuer, Nonce nonce) {
  const auto failed = [&] { return fail(tls::openssl_error(Code::internal, "make OCSP request", tls::subject_of(certificate))); };
  OcspRequest out;
  const Request request{OCSP_REQUEST_new()};
  // SHA-1 names here, it protects nothing; some responders know no other.
  CertId id{OCSP_cert_to_id(EVP_sha1(), certificate, issuer)};
  if (!request || !id || OCSP_request_add0_id(request.get(), id.get()) == nullptr) return failed();
  (void)id.release();  // the request's now
  if (nonce == Nonce::random) {
    out.nonce.resize(32);
    if (RAND_bytes(out.nonce.data(), static_cast<int>(out.nonce.size())) != 1 ||
        OCSP_request_add1_nonce(request.get(), out.nonce.data(), static_cast<int>(out.nonce.size())) != 1) {
      return failed();
    }
  }
  unsigned char* raw = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &raw);
  if (size <= 0) return failed();
  out.der.assign(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

Result<OcspAnswer> read_ocsp_response(ByteView der, const X509* certificate, X509* issuer, const OcspRules& rules) {
  return Reading(certificate, issuer, rules).read(der);
}

}  // namespace tlspool::trust
