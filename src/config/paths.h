// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"

namespace tlspool::config {

/// Where the parts of a pool lie. With --pool DIR or TLSPOOL_DIR everything lies below DIR; the system's
/// pool is spread over /etc/tlspool, /var/lib/tlspool and /run/tlspool.
struct Paths {
  std::string directory;   ///< DIR: tlspool.toml, identities/, peers/, policies/, rules/, disclosures/, ca/
  std::string keeper;      ///< DIR/keeper or /var/lib/tlspool/keeper: tokens, PIN files; mode 0700, the keeper's own
  std::string run;         ///< DIR/run or /run/tlspool
  std::string judge;       ///< DIR/judge or /var/lib/tlspool/judge: what the judge remembers; mode 0700, its own
  [[nodiscard]] std::string file() const { return directory + "/tlspool.toml"; }
  [[nodiscard]] std::string identities() const { return directory + "/identities"; }
  [[nodiscard]] std::string peers() const { return directory + "/peers"; }
  [[nodiscard]] std::string policies() const { return directory + "/policies"; }
  [[nodiscard]] std::string rules() const { return directory + "/rules"; }
  [[nodiscard]] std::string disclosures() const { return directory + "/disclosures"; }
  [[nodiscard]] std::string ca() const { return directory + "/ca"; }
  [[nodiscard]] std::string programs_socket() const { return run + "/pool.sock"; }
  [[nodiscard]] std::string admin_socket() const { return run + "/admin.sock"; }
};

/// `option`: what --pool said, may be empty. Then TLSPOOL_DIR; then, for root, the system's pool; then the
/// user's own directory ($XDG_DATA_HOME/tlspool or ~/.local/share/tlspool) if there is a pool in it; then the
/// system's pool if its socket is there; then the user's own directory. Makes the path absolute.
[[nodiscard]] Result<Paths> find_pool(const std::string& option);

}  // namespace tlspool::config
