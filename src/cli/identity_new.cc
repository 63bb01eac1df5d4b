// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/issue.h"
#include "cli/output.h"
#include "cli/pool_text.h"
#include "cli/sealed_pin.h"
#include "config/load.h"

namespace tlspool::cli {
namespace {

Result<Authority> find_authority(Provisioner& provisioner, const config::Paths& paths, const wire::TokenSetup& token) {
  auto pem = config::read_file(paths.ca() + "/ca.pem");
  if (!pem) return fail(std::move(pem.error()));
  const auto keys = provisioner.list_keys({token});
  if (!keys) return fail(keys.error());
  for (const wire::KeyRow& key : keys->keys) {
    if (key.label == authority_label) return Authority{key.uri, std::move(*pem)};
  }
  return fail({Code::token_missing, "find the development CA's key", "token=" + token.name,
               fmt::format("no private key \"{}\" in it", authority_label),
               "have another CA sign, and write identities/NAME.toml yourself (tlspool.toml(5))"});
}

Status refuse_existing(const config::Config& config, const config::Paths& paths, const std::string& name) {
  for (const config::Identity& identity : config.identities) {
    if (identity.name != name) continue;
    return fail({Code::busy, "identity", printable(name), "it exists already",
                 fmt::format("{} identity show {}", command_for(paths), printable(name))});
  }
  for (const char* ending : {".toml", ".pem"}) {
    const std::string path = paths.identities() + "/" + file_name(name) + ending;
    if (exists(path)) return fail({Code::busy, "identity", path, "this file is there already", "move it away"});
  }
  return {};
}

/// An address that a shell takes as it stands.
std::string advice(const config::Paths& paths, const std::string& name) {
  const std::string command = command_for(paths);
  if (name.find('@') != std::string::npos) return fmt::format("{} connect HOST:PORT --as {}", command, name);
  return fmt::format("{} tunnel --side tls-in --as {} --listen 127.0.0.1:8443 --connect 127.0.0.1:80", command, name);
}

}  // namespace

Status identity_new(const IdentityNewOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto name = normal_identity(options.name);
  if (!name) return fail(name.error());
  auto config = config::load(*paths);
  if (!config) return fail(config.error());
  if (auto free = refuse_existing(*config, *paths, *name); !free) return free;
  if (config->tokens.empty()) {
    return fail({Code::config, "token", paths->file(), "there is no [[token]]", "add one: tlspool.toml(5)"});
  }
  const auto pins = lend_pins(config->tokens);
  if (!pins) return fail(pins.error());
  auto provisioner = Provisioner::start(*paths);
  if (!provisioner) return fail(std::move(provisioner.error()));
  const IdentityPlan plan{*name, options.key, inside_keeper(config->tokens.front(), *paths)};
  const auto authority = find_authority(*provisioner, *paths, plan.token);
  if (!authority) return fail(authority.error());
  Made made;
  if (auto done = make_identity(*provisioner, *paths, plan, *authority, made); !done) return done;
  made.keep();
  print(fmt::format("made the identity {}: key in token {}, certificate {}/{}.pem\n", printable(*name), plan.token.name,
                    paths->identities(), file_name(*name)));
  const auto reloaded = call_admin(*paths, "Reload");
  if (!reloaded && reloaded.error().code != Code::closed) return fail(reloaded.error());
  if (reloaded) {
    print("the running pool has it\n");
  } else {
    print(fmt::format("no tlspoold runs for this pool; start it: {}\n", command_for(*paths, "tlspoold")));
  }
  print(fmt::format("try: {}\n", advice(*paths, *name)));
  return {};
}

}  // namespace tlspool::cli
