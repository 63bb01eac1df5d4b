// SPDX-License-Identifier: Apache-2.0
#include "trust/cost.h"

#include <openssl/err.h>

#include <cstdint>

namespace tlspool::trust {
namespace {

using GeneralNames = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using Constraints = std::unique_ptr<NAME_CONSTRAINTS, Freed<NAME_CONSTRAINTS_free>>;

// An honest chain makes a few thousand; this many take about 10 ms.
constexpr std::uint64_t max_comparisons = 200'000;

std::uint64_t names_in(const X509* certificate) {
  const GeneralNames names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  const int alternative = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  return static_cast<std::uint64_t>(alternative + X509_NAME_entry_count(X509_get_subject_name(certificate)));
}

std::uint64_t constraints_in(const X509* certificate) {
  const Constraints nc{
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(certificate, NID_name_constraints, nullptr, nullptr))};
  if (!nc) return 0;
  const auto count = [](STACK_OF(GENERAL_SUBTREE) * trees) {
    return trees != nullptr ? static_cast<std::uint64_t>(sk_GENERAL_SUBTREE_num(trees)) : 0;
  };
  return count(nc->permittedSubtrees) + count(nc->excludedSubtrees);
}

}  // namespace

bool too_complex(const std::vector<tls::Certificate>& chain) {
  std::uint64_t names = 0;
  std::uint64_t constraints = 0;
  bool large_key = false;
  for (const tls::Certificate& certificate : chain) {
    names += names_in(certificate.get());
    constraints += constraints_in(certificate.get());
    const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
    large_key = large_key || (key != nullptr && EVP_PKEY_get_bits(key) > max_key_bits);
  }
  ERR_clear_error();  // A malformed extension is reported by the path validation itself.
  return large_key || names * constraints > max_comparisons;
}

}  // namespace tlspool::trust
