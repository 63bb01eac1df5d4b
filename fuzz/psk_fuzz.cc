// SPDX-License-Identifier: Apache-2.0
// What a peer may send as its identity. What parses must, written back in any form, parse to the same key; and what is
// refused must be refused with a printable reason.
#include <cstdlib>

#include "base/text.h"
#include "sharedkey/identity.h"

using namespace tlspool;
using namespace tlspool::sharedkey;

namespace {

/// An id is read back from what people see of it.
bool reads_back(wire::IdForm form, const Bytes& id) {
  const auto again = id_from_text(form, id_text(form, id));
  return again && *again == id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes{data, size};
  const auto parsed = parse_identity(bytes);
  if (!parsed) {
    if (printable(parsed.error().text(), 10000) != parsed.error().text()) std::abort();
  } else if (size > 128 || !looks_like_identity(bytes) || parsed->object.empty() || parsed->id.empty()) {
    std::abort();
  }
  for (const auto id_form : {wire::IdForm::number, wire::IdForm::text, wire::IdForm::uuid, wire::IdForm::brief}) {
    if (const auto id = id_from_text(id_form, text_of(bytes)); id && !reads_back(id_form, *id)) std::abort();
    const std::string text = id_text(id_form, bytes);
    if (printable(text, text.size() + 1) != text) std::abort();
    if (const auto id = id_from_uuid(id_form, text_of(bytes)); id && !reads_back(id_form, *id)) std::abort();
    if (!parsed) continue;
    const auto id = id_of(id_form, *parsed);
    if (!id) continue;
    for (const auto form : {wire::IdentityForm::pkcs, wire::IdentityForm::cqptoolkit, wire::IdentityForm::pkcs11}) {
      const std::string written = write_identity(form, id_form, parsed->object, *id, parsed->derived);
      const auto again = parse_identity(view(written), 4096);
      if (!again || again->object != parsed->object || again->derived != parsed->derived) std::abort();
      if (const auto same = id_of(id_form, *again); !same || *same != *id) std::abort();
    }
    if (direction_of(*id, parsed->object, "own") == direction_of(*id, "own", parsed->object) && parsed->object != "own") std::abort();
  }
  return 0;
}
