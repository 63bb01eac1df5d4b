// SPDX-License-Identifier: Apache-2.0
#include "supervisor/content.h"

#include <p11-kit/uri.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "authz/disclosure.h"
#include "authz/ruleset.h"
#include "base/handle.h"
#include "base/text.h"
#include "config/load.h"
#include "supervisor/material.h"
#include "supervisor/state_directory.h"
#include "trust/policies.h"

namespace tlspool::supervisor {
namespace {

using Uri = std::unique_ptr<P11KitUri, Freed<p11_kit_uri_free>>;

Status check_uri(const std::string& text, const std::string& where) {
  const Uri uri{p11_kit_uri_new()};
  const int rc = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, uri.get());
  if (rc == P11_KIT_URI_OK && p11_kit_uri_any_unrecognized(uri.get()) == 0) return {};
  const std::string why = rc == P11_KIT_URI_OK ? "an attribute is not known" : p11_kit_uri_message(rc);
  return fail({Code::config, "configuration", where, printable(text) + ": " + why,
               "see RFC 7512 for PKCS#11 URIs, such as pkcs11:token=tlspool;object=NAME;type=private"});
}

Status check_token(const wire::TokenSetup& token, const std::string& file) {
  const std::string where = file + ": token " + token.name;
  if (auto done = check_uri(token.uri, where); !done) return done;
  if (access(token.module.c_str(), R_OK) != 0) {
    const Error e = system_error("module", token.module, errno);
    return fail({Code::config, "configuration", where, e.text(), "install the package of the PKCS#11 module"});
  }
  return {};
}

Status check_identities(const config::Config& config) {
  for (const auto& identity : config.identities) {
    for (const auto& credential : identity.credentials) {
      const std::string where = at_line(credential.file, credential.line);
      if (auto done = check_uri(credential.key, where); !done) return done;
      if (!credential.chain.starts_with("pkcs11:")) continue;
      if (auto done = check_uri(credential.chain, where); !done) return done;
    }
  }
  return {};
}

std::uint32_t cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(CPU_COUNT(&set));
}

Status find_users(const config::Users& users, Ground& ground) {
  const std::pair<const std::string*, std::optional<RunAs>*> wanted[] = {
      {&users.keeper, &ground.keeper}, {&users.worker, &ground.worker}, {&users.judge, &ground.judge}};
  for (const auto& [name, out] : wanted) {
    auto found = find_user(*name);
    if (!found) return fail(std::move(found.error()));
    *out = *found;
  }
  return {};
}

/// Of a process that the pool has only where `wanted`; none, too, where nobody can become another user.
Result<std::optional<RunAs>> user_where(bool wanted, const std::string& name) {
  if (!wanted || geteuid() != 0) return std::optional<RunAs>{};
  auto found = find_user(name);
  if (!found) return fail(std::move(found.error()));
  return std::optional<RunAs>{*found};
}

// Whoever a hook's program runs as can end and read what belongs to this user.
Status check_hook_user(const std::string& name, const config::Users& users, const std::string& where) {
  for (const std::string* other : {&users.keeper, &users.worker, &users.judge, &users.fetcher, &users.metrics}) {
    if (name != *other) continue;
    return fail({Code::config, "configuration", where, "its user " + printable(name) + " is that of a process of the pool", "give it a user of its own"});
  }
  return {};
}

Result<std::vector<HookPrograms::Program>> find_hooks(const config::Config& config, const std::string& file) {
  std::vector<HookPrograms::Program> out;
  for (const wire::HookSetup& hook : config.authorization.setup.hooks) {
    if (hook.program.empty()) continue;
    const std::string where = file + ": hook " + hook.name;
    if (access(hook.program[0].c_str(), X_OK) != 0) {
      return fail({Code::config, "configuration", where, system_error("program", hook.program[0], errno).text(), "name an executable file"});
    }
    HookPrograms::Program& program = out.emplace_back(HookPrograms::Program{hook, std::nullopt});
    if (geteuid() != 0) continue;
    const std::string& user = hook.user.empty() ? config.users.hook : hook.user;
    if (auto done = check_hook_user(user, config.users, where); !done) return fail(std::move(done.error()));
    auto found = find_user(user);
    if (!found) return fail(std::move(found.error()));
    program.user = *found;
  }
  return out;
}

// Policies and rules go to the judge in parts. The rest goes in one piece to each of the others, and a channel carries so much.
Status check_size(const config::Config& config, const Material& material, const config::Paths& paths) {
  constexpr std::size_t most = Channel::max_body - (1 << 20);  // what the tokens hold comes on top
  KeyNumbers numbers;
  const std::size_t worker = wire::encode(worker_setup(config, material, numbers, {}, {})).size();
  const std::size_t keeper = wire::encode(keeper_setup(config, material, numbers, paths, {})).size();
  if (std::max(worker, keeper) <= most) return {};
  return fail({Code::config, "configuration", paths.file(),
               "all but [[policy]] and [[rule]] is longer than " + std::to_string(most >> 20) + " MiB, with the certificate chains that it names",
               "use fewer [[identity]], [[allow]], [[peer]] or [[disclosure]]; another pool can have the others"});
}

}  // namespace

Result<Content> read_content(const config::Paths& paths) {
  auto config = config::load(paths);
  if (!config) return fail(std::move(config.error()));
  for (const auto& token : config->tokens) {
    if (auto done = check_token(token, paths.file()); !done) return fail(std::move(done.error()));
  }
  if (auto done = check_identities(*config); !done) return fail(std::move(done.error()));
  auto material = read_material(*config);
  if (!material) return fail(std::move(material.error()));
  if (auto policies = trust::Policies::make(config->policies); !policies) return fail(std::move(policies.error()));
  const config::Authorization& authorization = config->authorization;
  if (auto rules = authz::Ruleset::make(authorization.rules, authorization.setup); !rules) return fail(std::move(rules.error()));
  std::shared_ptr<const ClusterKeys> cluster;
  if (!config->cache.key_file.empty()) {
    auto keys = read_cluster_keys(config->cache.key_file);
    if (!keys) return fail(std::move(keys.error()));
    cluster = std::make_shared<const ClusterKeys>(std::move(*keys));
  }
  if (auto rules = authz::Disclosures::make(config->disclosures); !rules) return fail(std::move(rules.error()));
  const auto fetcher = user_where(!config->kmes.empty(), config->users.fetcher);
  if (!fetcher) return fail(fetcher.error());
  const auto metrics = user_where(!config->metrics.listen.empty(), config->users.metrics);
  if (!metrics) return fail(metrics.error());
  if (auto done = check_size(*config, *material, paths); !done) return fail(std::move(done.error()));
  auto hooks = find_hooks(*config, paths.file());
  if (!hooks) return fail(std::move(hooks.error()));
  return Content{std::move(*config), std::move(*material), *fetcher, std::move(*hooks), std::move(cluster), *metrics};
}

Result<Ground> find_ground(const config::Paths& paths, const config::Config& config) {
  struct stat info{};
  if (stat(paths.directory.c_str(), &info) != 0) return fail(system_error("stat", paths.directory, errno));
  Ground out;
  out.paths = paths;
  out.owner = {info.st_uid, info.st_gid};
  out.workers = config.workers != 0 ? config.workers : cores();
  if (geteuid() != 0) {
    if (auto done = ensure_state_directory(paths.judge, std::nullopt); !done) return fail(std::move(done.error()));
    return out;
  }
  auto credentials = find_credentials();
  if (!credentials) return fail(std::move(credentials.error()));
  out.credentials = std::move(*credentials);
  if (auto done = find_users(config.users, out); !done) return fail(std::move(done.error()));
  if (auto done = ensure_state_directory(paths.judge, out.judge); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace tlspool::supervisor
