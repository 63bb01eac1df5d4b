// SPDX-License-Identifier: Apache-2.0
// A SignRequest as a taken worker may send it: decoding, and the keeper's look at what shall be signed. What it
// allows must be one of the three things that a TLS endpoint signs.
#include <cstdlib>

#include "keeper/handshake_shape.h"
#include "wire/ipc.h"

using namespace tlspool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto type = static_cast<wire::KeyType>(data[0] % 4);
  const std::uint8_t roles = data[1] % 4;
  auto request = wire::decode<wire::SignRequest>({data + 2, size - 2});
  if (!request) return 0;
  const keeper::SignVerdict verdict =
      keeper::judge_signature({type, roles, request->role, request->tls13, request->scheme, request->input});
  if (!verdict.allowed) return 0;
  const bool role_allowed = (roles & request->role) == request->role && request->role != 0;
  const bool shape = keeper::is_tls13_certificate_verify(request->input, request->role) ||
                     keeper::is_tls12_server_key_exchange(request->input) ||
                     keeper::is_tls12_client_transcript(request->input);
  if (!role_allowed || !shape || !keeper::scheme_fits(request->scheme, type, request->tls13)) std::abort();
  return 0;
}
