// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/handle.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/issue.h"
#include "cli/output.h"
#include "cli/pool_text.h"
#include "cli/users.h"
#include "config/load.h"

namespace tlspool::cli {
namespace {

constexpr std::array<const char*, 4> softhsm_modules{
    "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"};

Result<std::string> find_softhsm() {
  for (const char* path : softhsm_modules) {
    if (exists(path)) return std::string(path);
  }
  return fail({Code::not_found, "find SoftHSM2", softhsm_modules[0], "not installed", "apt-get install softhsm2"});
}

/// The name by which others know this host, as `hostname -f` says it; else the short one.
Result<std::string> host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return fail(system_error("gethostname", "", errno));
  std::string host = name.data();
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* raw = nullptr;
  if (host.find('.') == std::string::npos && getaddrinfo(host.c_str(), nullptr, &hints, &raw) == 0) {
    const std::unique_ptr<addrinfo, Freed<freeaddrinfo>> list(raw);
    const std::string full = raw->ai_canonname == nullptr ? "" : raw->ai_canonname;
    if (full.starts_with(host + ".")) host = full;
  }
  auto normal = normal_host(host);
  if (!normal) normal.error().advice = "give the pool a name with --name NAME";
  return normal;
}

/// The token that is to be made.
struct Plan {
  wire::TokenSetup token;
  std::string label;
  enum class File { write, is_there } file = File::write;  ///< tlspool.toml
};

constexpr std::string_view by_label = "pkcs11:token=";

Error pool_exists(const config::Paths& paths) {
  return {Code::busy, "init", paths.file(), "there is a pool already",
          fmt::format("start it with `{}`, look at it with `{} doctor`, or name another directory with --pool",
                      command_for(paths, "tlspoold"), command_for(paths))};
}

/// A configuration that names a token, but there is none and no identity: a package installs it so. The rest is made as it says.
Result<Plan> plan_of_configuration(const config::Paths& paths) {
  const auto config = config::load(paths);
  if (!config || exists(paths.ca() + "/ca.pem") || !config->identities.empty() || config->tokens.empty()) return fail(pool_exists(paths));
  Plan out{inside_keeper(config->tokens.front(), paths), {}, Plan::File::is_there};
  if (!out.token.uri.starts_with(by_label) || out.token.pin_file.empty()) return fail(pool_exists(paths));
  out.label = out.token.uri.substr(by_label.size());
  if (out.label.find_first_of(";?%") != std::string::npos) return fail(pool_exists(paths));
  return out;
}

Result<Plan> make_plan(const config::Paths& paths) {
  std::error_code ignored;
  const bool keys = exists(paths.keeper) && !std::filesystem::is_empty(paths.keeper, ignored);
  if (exists(paths.file())) return keys ? fail(pool_exists(paths)) : plan_of_configuration(paths);
  if (keys) {
    return fail({Code::busy, "init", paths.keeper, "there are keys already, but no tlspool.toml beside them",
                 "put tlspool.toml back, or move that directory away yourself"});
  }
  const auto module = find_softhsm();
  if (!module) return fail(module.error());
  Plan out;
  out.label = "tlspool";
  out.token.name = "default";
  out.token.module = *module;
  out.token.pin_file = "pin";
  return out;
}

Status make_directories(const config::Paths& paths, Made& made) {
  for (const std::string& path : {paths.directory, paths.identities(), paths.ca(), paths.run}) {
    if (auto done = made.directory(path, 0755); !done) return done;
  }
  for (const std::string& path : {paths.keeper, paths.judge}) {
    if (auto done = made.directory(path, 0700); !done) return done;
  }
  if (geteuid() != 0) return {};
  const config::Users users;
  if (auto done = ensure_users(users); !done) return done;
  for (const auto& [name, path] : {std::pair(&users.keeper, &paths.keeper), std::pair(&users.judge, &paths.judge)}) {
    const auto user = find_user(*name);
    if (!user) return fail(user.error());
    if (chown(path->c_str(), user->uid, user->gid) != 0) return fail(system_error("chown", *path, errno));
  }
  return {};
}

Status fill(const config::Paths& paths, const std::string& name, Plan& plan, Made& made) {
  auto provisioner = Provisioner::start(paths);
  if (!provisioner) return fail(std::move(provisioner.error()));
  const auto token = provisioner->make_token({plan.token.module, plan.label, plan.token.pin_file});
  if (!token) return fail(token.error());
  if (plan.file == Plan::File::write) plan.token.uri = token->uri;
  const auto key = provisioner->make_key({plan.token, authority_label, wire::KeyType::p256, 256, false});
  if (!key) return fail(key.error());
  const auto authority = provisioner->make_authority({plan.token, key->uri, name});
  if (!authority) return fail(authority.error());
  if (auto done = made.file(paths.ca() + "/ca.pem", authority->pem, 0644); !done) return done;
  const IdentityPlan identity{name, {}, plan.token};
  if (auto done = make_identity(*provisioner, paths, identity, {key->uri, authority->pem}, made); !done) return done;
  if (plan.file == Plan::File::is_there) return {};
  // Last: a directory with a tlspool.toml is a whole pool.
  return made.file(paths.file(), pool_toml({name, plan.token.module, token->uri}), 0644);
}

}  // namespace

Status init(const InitOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  auto plan = make_plan(*paths);
  if (!plan) return fail(std::move(plan.error()));
  const auto name = options.name.empty() ? host_name() : normal_identity(options.name);
  if (!name) return fail(name.error());
  Made made;
  if (auto done = make_directories(*paths, made); !done) return done;
  if (auto done = fill(*paths, *name, *plan, made); !done) return done;
  made.keep();
  const std::string command = command_for(*paths);
  print(fmt::format("made the pool {}\n", paths->directory));
  print(fmt::format("  token     {} (SoftHSM2), its random PIN in {}/{}\n", printable(plan->label), paths->keeper, plan->token.pin_file));
  print(fmt::format("  identity  {} (p256), its key in the token\n", *name));
  print(fmt::format("  CA        {}/ca.pem, for development; its key is in the token, too\n", paths->ca()));
  print(fmt::format("next: {}\n      {} doctor\n", command_for(*paths, "tlspoold"), command));
  return {};
}

}  // namespace tlspool::cli
