// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "cli/accept.h"
#include "cli/qkd_commands.h"
#include "config/paths.h"
#include "qkd/connections.h"
#include "qkd/entities.h"
#include "qkd/http_server.h"

namespace tlspool::qkd {

/// One entity as the network sees it: TLS by its pool, the client known by its certificate, HTTP.
class EntityServer {
 public:
  using Log = std::function<void(const std::string&)>;
  EntityServer(config::Paths paths, const cli::QkdEntity& setup, cli::SaeFrom sae_from, Site site, Entities& entities, Log log);
  /// Serves a client until it goes; for a thread of its own.
  void serve(UniqueFd socket, const std::string& peer, Connections::Client& client);

 private:
  [[nodiscard]] Said answer(Ask ask, const std::string& peer);

  config::Paths paths_;
  cli::QkdEntity setup_;
  cli::SaeFrom sae_from_;
  Site site_;
  Entities& entities_;
  Log log_;
};

}  // namespace tlspool::qkd
