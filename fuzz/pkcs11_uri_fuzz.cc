// SPDX-License-Identifier: Apache-2.0
// RFC 7512 URIs, from the configuration and from whoever adds identities. What is one says of objects the same however
// often it is asked, and one that matches a token does so by all that it says.
#include <cstdlib>
#include <cstring>

#include "keeper/uri.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  const auto uri = keeper::Uri::parse(text);
  if (!uri) {
    if (uri.error().reason.empty()) std::abort();
    return 0;
  }
  CK_TOKEN_INFO token{};
  std::memset(token.label, ' ', sizeof token.label);
  std::memcpy(token.label, "default", 7);
  (void)uri->matches(token);
  (void)uri->matches_slot(0, CK_SLOT_INFO{});
  if (uri->label() != uri->label() || uri->id() != uri->id() || uri->object_class() != uri->object_class() || uri->text() != text) std::abort();
  return 0;
}
