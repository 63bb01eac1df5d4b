// SPDX-License-Identifier: Apache-2.0
#include "trust/peer_facts.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::trust {

LeafFacts facts_of(const X509* leaf) {
  LeafFacts out;
  if (leaf == nullptr) return out;
  out.key = tls::spki_digest(leaf);
  // A negative one is against RFC 5280, and is known by its digits.
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf);
  out.serial.assign(serial->data, serial->data + serial->length);
  out.serial.erase(out.serial.begin(), std::find_if(out.serial.begin(), out.serial.end(), [](std::uint8_t b) { return b != 0; }));
  const tls::BioPtr text{BIO_new(BIO_s_mem())};
  char* data = nullptr;
  if (text && X509_NAME_print_ex(text.get(), X509_get_issuer_name(leaf), 0, XN_FLAG_RFC2253) >= 0) {
    const long size = BIO_get_mem_data(text.get(), &data);
    if (size > 0) out.issuer = printable({data, static_cast<std::size_t>(size)}, 1024);
  }
  return out;
}

}  // namespace tlspool::trust
