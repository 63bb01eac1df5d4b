// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/hello.h"

#include <string>

#include "tls/cursor.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::size_t most_identities = 16;

tl::unexpected<Error> malformed(std::string reason) {
  return fail({Code::protocol, "read pre_shared_key", "ClientHello", std::move(reason), ""});
}

}  // namespace

Result<std::vector<ByteView>> offered_identities(ByteView extension) {
  tls::Cursor whole{extension};
  tls::Cursor identities{whole.vector(2)};
  tls::Cursor binders{whole.vector(2)};
  if (!whole.at_end()) return malformed("lengths do not fit");
  std::vector<ByteView> out;
  while (!identities.at_end()) {
    const ByteView identity = identities.vector(2);
    identities.take(4);  // obfuscated_ticket_age
    if (!identities.good()) return malformed("an identity is cut off");
    if (identity.empty()) return malformed("an identity is empty");
    if (out.size() == most_identities) return malformed("more than " + std::to_string(most_identities) + " identities");
    out.push_back(identity);
  }
  if (out.empty()) return malformed("no identity");
  std::size_t count = 0;
  for (; !binders.at_end(); ++count) {
    const ByteView binder = binders.vector(1);
    if (!binders.good()) return malformed("a binder is cut off");
    if (binder.size() < 32) return malformed("a binder is shorter than 32 bytes");
  }
  if (count != out.size()) return malformed(std::to_string(out.size()) + " identities, but " + std::to_string(count) + " binders");
  return out;
}

}  // namespace tlspool::sharedkey
