// SPDX-License-Identifier: Apache-2.0
#include "tls/tie_break.h"

#include <openssl/rand.h>

#include <algorithm>

#include "tls/openssl.h"

namespace tlspool::tls {

Tie break_tie(const TieBreaker& own, const TieBreaker& peer) {
  if (own < peer) return Tie::client;  // bytewise from the first: as big-endian numbers
  if (peer < own) return Tie::server;
  if (own == client_only) return Tie::two_clients;
  return own == server_only ? Tie::two_servers : Tie::same;
}

Result<TieBreaker> random_tie_breaker() {
  TieBreaker value = client_only;
  while (value == client_only || value == server_only) {
    if (RAND_bytes(value.data(), static_cast<int>(value.size())) != 1) return fail(openssl_error(Code::internal, "RAND_bytes", ""));
  }
  return value;
}

bool read_tie_breaker(ByteView extension_data, TieBreaker& out) {
  if (extension_data.size() != out.size()) return false;
  std::copy(extension_data.begin(), extension_data.end(), out.begin());
  return true;
}

}  // namespace tlspool::tls
