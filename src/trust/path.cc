// SPDX-License-Identifier: Apache-2.0
#include "trust/path.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "trust/chain.h"
#include "trust/refusal.h"

namespace tlspool::trust {
namespace {

using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;
// Borrows its certificates.
using Stack = std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * s) { sk_X509_free(s); }>>;

// 112 bits: RSA from 2048, curves from 224, no MD5 and no SHA-1 (X509_VERIFY_PARAM_set_auth_level(3)).
constexpr int security_level = 2;

bool prepare(X509_STORE_CTX* context, const PathRules& rules) {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_auth_level(param, security_level);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(max_certificates));
  X509_VERIFY_PARAM_set_time(param, rules.now);
  if (rules.anchor_is_any && X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1) return false;
  if (rules.any_usage) return true;
  return X509_STORE_CTX_set_purpose(context, rules.peer_is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT) == 1;
}

NoPath refusal_of(X509_STORE_CTX* context, const PathRules& rules) {
  // X509_verify_cert may fail without an error of its own, as when memory runs out.
  const int error = X509_STORE_CTX_get_error(context);
  if (error == X509_V_OK) return no_path(tls::openssl_error(Code::internal, "X509_verify_cert", ""));
  const X509* at_fault = X509_STORE_CTX_get_current_cert(context);
  Refusal why = explain({error, X509_STORE_CTX_get_error_depth(context), at_fault, rules.peer_is_server});
  ERR_clear_error();
  return {std::move(why.check), std::move(why.reason), at_fault != nullptr ? tls::subject_of(at_fault) : "", error};
}

}  // namespace

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

NoPath no_path(const Error& defect) {
  return {"chain", "the chain could not be checked (" + defect.text() + "); this is no fault of the peer", "", X509_V_ERR_UNSPECIFIED};
}

FoundPath find_path(X509_STORE* store, X509* leaf, const std::vector<X509*>& others, const PathRules& rules) {
  const Stack untrusted{sk_X509_new_null()};
  const StoreContext context{X509_STORE_CTX_new()};
  bool ready = untrusted && context;
  for (X509* other : others) ready = ready && sk_X509_push(untrusted.get(), other) != 0;
  if (!ready || X509_STORE_CTX_init(context.get(), store, leaf, untrusted.get()) != 1 || !prepare(context.get(), rules)) {
    return tl::unexpected(no_path(tls::openssl_error(Code::internal, "X509_STORE_CTX_init", "")));
  }
  if (X509_verify_cert(context.get()) != 1) return tl::unexpected(refusal_of(context.get(), rules));
  Path path;
  STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(context.get());
  if (found == nullptr || sk_X509_num(found) == 0) {
    return tl::unexpected(no_path(tls::openssl_error(Code::internal, "X509_STORE_CTX_get0_chain", "")));
  }
  for (int i = 0; i < sk_X509_num(found); ++i) {
    X509* certificate = sk_X509_value(found, i);
    X509_up_ref(certificate);
    path.certificates.emplace_back(certificate);
    const std::int64_t end = seconds_of(X509_get0_notAfter(certificate));
    path.valid_until = i == 0 ? end : std::min(path.valid_until, end);
  }
  return path;
}

}  // namespace tlspool::trust
