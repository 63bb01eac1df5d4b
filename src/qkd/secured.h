// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/handle.h"
#include "cli/commands.h"
#include "config/paths.h"
#include "tlspool/tlspool.h"

namespace tlspool::qkd {

/// A connection that the pool has protected.
struct Secured {
  UniqueFd plain;  ///< the plaintext side
  std::unique_ptr<tlspool_session, Freed<tlspool_session_free>> session;
};

/// How the pool shall protect one. The peer must always prove who it is.
struct Protection {
  std::string as;       ///< identity of ours; empty: a client shows none
  std::string expect;   ///< name that the peer must prove; empty, for a server: any
  std::string service;  ///< for policy and logs
  std::chrono::milliseconds deadline{30'000};
  cli::SharedKey shared_key = cli::SharedKey::by_policy;
};

/// Has the pool speak TLS on a connected socket. `subject` names the peer's address for errors.
[[nodiscard]] Result<Secured> secure(const config::Paths& paths, UniqueFd socket, tlspool_role role,
                                     const Protection& protection, const std::string& subject);

}  // namespace tlspool::qkd
