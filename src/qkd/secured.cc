// SPDX-License-Identifier: Apache-2.0
#include "qkd/secured.h"

#include <algorithm>

namespace tlspool::qkd {

Result<Secured> secure(const config::Paths& paths, UniqueFd socket, tlspool_role role, const Protection& protection,
                       const std::string& subject) {
  constexpr long longest = 600'000;  // that a pool takes
  tlspool_options how = TLSPOOL_OPTIONS_INIT;
  how.pool = paths.directory.c_str();
  how.local_identity = protection.as.empty() ? nullptr : protection.as.c_str();
  how.remote_identity = protection.expect.empty() ? nullptr : protection.expect.c_str();
  how.remote_proof = TLSPOOL_PROOF_REQUIRED;
  how.service = protection.service.c_str();
  how.deadline_ms = static_cast<int>(std::clamp<long>(protection.deadline.count(), 1, longest));
  how.require_shared_key = protection.shared_key == cli::SharedKey::required ? 1 : 0;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_session* session = nullptr;
  const auto start = role == TLSPOOL_SERVER ? tlspool_starttls_server : tlspool_starttls_client;
  UniqueFd plain{start(socket.get(), nullptr, &how, &session, &error)};
  if (!plain.valid()) return fail({Code::tls, "TLS", subject, error.message, {}});
  static_cast<void>(socket.release());  // the library closed it: the pool owns the connection
  return Secured{std::move(plain), decltype(Secured::session)(session)};
}

}  // namespace tlspool::qkd
