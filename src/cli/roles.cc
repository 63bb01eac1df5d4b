// SPDX-License-Identifier: Apache-2.0
#include "cli/roles.h"

namespace tlspool::cli {

const char* word(Role role) {
  switch (role) {
    case Role::client: return "client";
    case Role::server: return "server";
    case Role::peer: return "peer";
  }
  return "";
}

Role remote_role(Role own, const Roles& roles) {
  if (roles.remote) return *roles.remote;
  switch (own) {
    case Role::client: return Role::server;
    case Role::server: return Role::client;
    case Role::peer: return Role::peer;
  }
  return Role::peer;
}

Status check_roles(std::string_view command, Role own, const Roles& roles, const std::string& expect) {
  const Role remote = remote_role(own, roles);
  const bool peers = own == Role::peer || remote == Role::peer;
  if (own == remote && !peers) {
    const std::string what = std::string("--role ") + word(own) + " --remote-role " + word(remote);
    return fail({Code::invalid, std::string(command), what, std::string("both sides would be TLS ") + word(own) + "s, and it takes one of each",
                 "give --role peer where this side may be either, --remote-role peer where the other one may"});
  }
  if (roles.hello_delay && !peers) {
    return fail({Code::invalid, std::string(command), "--hello-delay", "the roles are fixed, so there is nothing to wait for",
                 "give --role peer or --remote-role peer, or leave it out"});
  }
  if (expect.empty() && (peers || own == Role::client)) {
    return fail({Code::invalid, std::string(command), "--expect", "it is not said who the other side has to be", "give its name by --expect"});
  }
  return {};
}

}  // namespace tlspool::cli
