// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/hello.h"

#include <string>

namespace tlspool::sharedkey {
namespace {

constexpr std::size_t most_identities = 16;

tl::unexpected<Error> malformed(std::string reason) {
  return fail({Code::protocol, "read pre_shared_key", "ClientHello", std::move(reason), ""});
}

/// Takes `size` bytes from the front of `rest`; false where there are not as many.
bool take(ByteView& rest, std::size_t size, ByteView& out) {
  if (rest.size() < size) return false;
  out = rest.first(size);
  rest = rest.subspan(size);
  return true;
}

/// Takes a vector that has its length in `length_bytes` bytes before it.
bool take_vector(ByteView& rest, std::size_t length_bytes, ByteView& out) {
  ByteView length;
  if (!take(rest, length_bytes, length)) return false;
  std::size_t size = 0;
  for (const std::uint8_t byte : length) size = size << 8 | byte;
  return take(rest, size, out);
}

}  // namespace

Result<std::vector<ByteView>> offered_identities(ByteView extension) {
  ByteView rest = extension, identities, binders, age;
  if (!take_vector(rest, 2, identities) || !take_vector(rest, 2, binders) || !rest.empty()) return malformed("lengths do not fit");
  std::vector<ByteView> out;
  while (!identities.empty()) {
    ByteView identity;
    if (!take_vector(identities, 2, identity) || !take(identities, 4, age)) return malformed("an identity is cut off");
    if (identity.empty()) return malformed("an identity is empty");
    if (out.size() == most_identities) return malformed("more than " + std::to_string(most_identities) + " identities");
    out.push_back(identity);
  }
  if (out.empty()) return malformed("no identity");
  std::size_t count = 0;
  for (ByteView binder; !binders.empty(); ++count) {
    if (!take_vector(binders, 1, binder)) return malformed("a binder is cut off");
    if (binder.size() < 32) return malformed("a binder is shorter than 32 bytes");
  }
  if (count != out.size()) return malformed(std::to_string(out.size()) + " identities, but " + std::to_string(count) + " binders");
  return out;
}

}  // namespace tlspool::sharedkey
