// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/hello.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::size_t most_identities = 16;
constexpr std::size_t least_binder = 32;  // RFC 8446 section 4.2.11: the output of the hash

/// Takes a vector with a length of `size` bytes off the front.
bool take(ByteView& in, std::size_t size, ByteView& out) {
  if (in.size() < size) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < size; ++i) length = length << 8 | in[i];
  if (in.size() - size < length) return false;
  out = in.subspan(size, length);
  in = in.subspan(size + length);
  return true;
}

}  // namespace

Result<std::vector<ByteView>> offered_identities(ByteView extension) {
  const auto malformed = [](const char* reason) { return fail({Code::protocol, "ClientHello", "pre_shared_key", reason, {}}); };
  ByteView identities;
  ByteView binders;
  if (!take(extension, 2, identities) || !take(extension, 2, binders) || !extension.empty()) return malformed("its lengths do not fit");
  std::vector<ByteView> out;
  while (!identities.empty()) {
    ByteView identity;
    if (!take(identities, 2, identity) || identity.empty() || identities.size() < 4) return malformed("an identity is cut off or empty");
    identities = identities.subspan(4);  // obfuscated_ticket_age
    out.push_back(identity);
    if (out.size() > most_identities) return malformed("it offers more than 16 identities");
  }
  std::size_t count = 0;
  while (!binders.empty()) {
    ByteView binder;
    if (!take(binders, 1, binder) || binder.size() < least_binder) return malformed("a binder is cut off or short");
    ++count;
  }
  if (out.empty() || count != out.size()) return malformed("identities and binders do not pair");
  return out;
}

}  // namespace tlspool::sharedkey
