// SPDX-License-Identifier: Apache-2.0
// OCSP responses come from responders over plain HTTP, and stapled from peers.
#include <openssl/x509v3.h>

#include <cstdlib>

#include "trust/ocsp.h"
#include "../tests/unit/trust/pki.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::Party ca = test::issue(test::ca_spec("ca"));
  static const test::Party leaf = test::issue({}, &ca);
  // Nobody here knows the authority's key: whatever it says, it proves nothing.
  if (trust::read_ocsp_response({data, size}, leaf.certificate.get(), ca.certificate.get(), {.now = 1'700'000'000})) std::abort();
  return 0;
}
