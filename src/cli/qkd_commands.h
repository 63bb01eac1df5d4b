// SPDX-License-Identifier: Apache-2.0
// `tlspool qkd ...`, as commands.h has the other commands. The functions stand in src/qkd/.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace tlspool::cli {

struct QkdFetchOptions {
  std::string pool;
  std::string peer;
  std::uint32_t count = 100;
  std::string ids;           ///< file with the ids that the other site fetched, "-" for standard input; empty: new keys
  std::uint32_t bits = 256;  ///< of a new key
  Output output = Output::text;
};
[[nodiscard]] Status qkd_fetch(const QkdFetchOptions& options);

struct QkdImportOptions {
  std::string pool;
  std::string peer;
  std::string file;  ///< empty or "-": standard input
};
[[nodiscard]] Status qkd_import(const QkdImportOptions& options);

struct QkdStatusOptions {
  std::string pool;
  std::string peer;  ///< empty: all of them
  Output output = Output::text;
};
[[nodiscard]] Status qkd_status(const QkdStatusOptions& options);

struct QkdAuditOptions {
  std::string pool;
  std::string peer;
  std::string listen;   ///< A:P; this or `connect`
  std::string connect;  ///< A:P
  std::string as;       ///< identity to prove; empty: the peer's `as`, else the pool's name
  std::string expect;   ///< name that the other site must prove; empty: the peer's name
  SharedKey shared_key = SharedKey::by_policy;
  std::chrono::milliseconds timeout{300'000};  ///< for all of it
  Output output = Output::text;
};
[[nodiscard]] Status qkd_audit(const QkdAuditOptions& options);

/// Where in a client's certificate its SAE id stands.
enum class SaeFrom { cn, dns, uri, serial };

/// One of the two key management entities of `qkd serve`.
struct QkdEntity {
  std::string pool;               ///< whose token is its store
  std::string listen;             ///< A:P
  std::string as;                 ///< identity of the pool that it proves
  std::string kme;                ///< its id
  std::string link;               ///< the [[peer]] whose keys it delivers
  std::vector<std::string> saes;  ///< whom it serves
};
struct QkdServeOptions {
  QkdEntity first;
  QkdEntity second;
  SaeFrom sae_from = SaeFrom::cn;
  std::uint32_t rate = 0;     ///< keys a second; 0: as many as the tokens take
  std::uint32_t store = 1000; ///< most keys that are kept
  std::uint32_t bits = 256;
};
/// Runs until SIGTERM or SIGINT.
[[nodiscard]] Status qkd_serve(const QkdServeOptions& options);

struct QkdCheckOptions {
  std::string pool;
  std::string url;
  std::string as;
  std::string expect;    ///< empty: the URL's host
  std::string sae;       ///< ours
  std::string peer_sae;  ///< the slave's
  std::string peer_url;  ///< empty: what needs the slave's entity is left out
  std::string peer_as;   ///< the slave's identity
  std::string peer_expect;  ///< empty: the peer URL's host
  std::string other_sae;    ///< a third SAE, at the slave's entity; empty: what needs one is left out
  std::string other_as;
  std::chrono::milliseconds timeout{10'000};  ///< of one request
  Output output = Output::text;
};
[[nodiscard]] Status qkd_check(const QkdCheckOptions& options);

}  // namespace tlspool::cli
