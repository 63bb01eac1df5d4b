// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ctime>
#include <map>
#include <optional>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/certificate.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "config/load.h"

namespace tlspool::cli {
namespace {

/// What the running daemon says of one identity's keys, in the order of the configuration.
using Usable = std::map<std::string, std::vector<wire::Value>>;

/// Nothing where no daemon runs, or where this user may not ask it.
std::optional<Usable> ask_daemon(const config::Paths& paths) {
  const auto reply = call_admin(paths, "Status");
  if (!reply) return std::nullopt;
  Usable out;
  for (const wire::Value& c : elements(reply->parameters, "credentials")) out[c.text("identity")].push_back(c);
  return out;
}

const wire::Value* credential_state(const std::optional<Usable>& daemon, const std::string& identity, std::size_t i) {
  if (!daemon) return nullptr;
  const auto found = daemon->find(identity);
  return found == daemon->end() || i >= found->second.size() ? nullptr : &found->second[i];
}

/// The leaf of a chain that lies in a file; an error's text in `problem` otherwise.
std::optional<CertificateFacts> leaf_facts(const std::string& chain, std::string& problem) {
  if (chain.starts_with("pkcs11:")) return std::nullopt;
  const auto ders = read_chain(chain);
  if (!ders) {
    problem = ders.error().text();
    return std::nullopt;
  }
  auto facts = facts_of(ders->front());
  if (!facts) {
    problem = facts.error().text();
    return std::nullopt;
  }
  return std::move(*facts);
}

/// One credential, from its file and from the daemon.
struct Row {
  const config::Credential* credential = nullptr;
  std::optional<CertificateFacts> facts;
  std::optional<bool> usable;  ///< nothing: not known
  std::string problem;
};

Row look_at(const config::Identity& identity, std::size_t i, const std::optional<Usable>& daemon) {
  Row row;
  row.credential = &identity.credentials[i];
  row.facts = leaf_facts(row.credential->chain, row.problem);
  if (row.facts && row.facts->not_after < std::time(nullptr)) row.problem = "the certificate has expired";
  if (!row.problem.empty()) row.usable = false;
  if (const wire::Value* state = credential_state(daemon, identity.name, i)) {
    row.usable = state->flag("usable") && row.problem.empty();
    if (row.problem.empty()) row.problem = state->text("problem");
  } else if (daemon && row.problem.empty()) {
    row.problem = "not yet loaded: tlspool reload";
  }
  return row;
}

wire::Value role_list(std::uint8_t roles) {
  wire::Value out = wire::Value::array();
  if ((roles & wire::role_client) != 0) out.push("client");
  if ((roles & wire::role_server) != 0) out.push("server");
  return out;
}

wire::Value json_of(const config::Identity& identity, const std::optional<Usable>& daemon) {
  wire::Value credentials = wire::Value::array();
  for (std::size_t i = 0; i < identity.credentials.size(); ++i) {
    const Row row = look_at(identity, i, daemon);
    wire::Value c = wire::Value::object();
    c.set("key", row.credential->key).set("chain", row.credential->chain).set("token", row.credential->token);
    c.set("keyType", row.facts ? wire::Value(row.facts->key) : wire::Value());
    c.set("notAfter", row.facts ? wire::Value(row.facts->not_after) : wire::Value());
    c.set("usable", row.usable ? wire::Value(*row.usable) : wire::Value());
    c.set("problem", wire::or_null(row.problem));
    credentials.push(std::move(c));
  }
  wire::Value out = wire::Value::object();
  out.set("name", identity.name).set("roles", role_list(identity.roles)).set("credentials", std::move(credentials));
  return out;
}

std::string state_of(const Row& row) {
  if (!row.problem.empty()) return row.problem;
  if (!row.usable) return "not known: no tlspoold that this user may ask";
  return *row.usable ? "usable" : "not usable";
}

const config::Identity* find(const config::Config& config, const std::string& name) {
  for (const config::Identity& identity : config.identities) {
    if (identity.name == name) return &identity;
  }
  return nullptr;
}

}  // namespace

Status identity_list(const IdentityListOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto config = config::load(*paths);
  if (!config) return fail(config.error());
  const auto daemon = ask_daemon(*paths);
  if (options.output == Output::json) {
    wire::Value out = wire::Value::array();
    for (const config::Identity& identity : config->identities) out.push(json_of(identity, daemon));
    print_json(out);
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const config::Identity& identity : config->identities) {
    for (std::size_t i = 0; i < identity.credentials.size(); ++i) {
      const Row row = look_at(identity, i, daemon);
      rows.push_back({printable(identity.name), row.facts ? row.facts->key : "-", printable(row.credential->token),
                      row.facts ? day_of(row.facts->not_after) : "-", state_of(row)});
    }
  }
  if (rows.empty()) {
    print(fmt::format("no identities; {} identity new NAME makes one\n", command_for(*paths)));
    return {};
  }
  print(table({"NAME", "KEY", "TOKEN", "VALID UNTIL", "STATE"}, rows));
  return {};
}

Status identity_show(const IdentityShowOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto name = normal_identity(options.name);
  if (!name) return fail(name.error());
  const auto config = config::load(*paths);
  if (!config) return fail(config.error());
  const config::Identity* identity = find(*config, *name);
  if (identity == nullptr) {
    return fail({Code::not_found, "identity", printable(*name), "no such identity",
                 command_for(*paths) + " identity list names them"});
  }
  if (options.encoding == Encoding::pem) {
    for (const config::Credential& credential : identity->credentials) {
      if (credential.chain.starts_with("pkcs11:")) {
        return fail({Code::invalid, "identity", *name, "its certificates are in the token, not in a file", "pkcs11-tool or p11tool read them from there"});
      }
      const auto text = config::read_file(credential.chain);
      if (!text) return fail(text.error());
      print(*text);
    }
    return {};
  }
  const auto daemon = ask_daemon(*paths);
  print(printable(identity->name) + "\n");
  for (std::size_t i = 0; i < identity->credentials.size(); ++i) {
    const Row row = look_at(*identity, i, daemon);
    print(fmt::format("  private key  {}\n  token        {}\n  chain        {}\n", printable(row.credential->key, 1024),
                      printable(row.credential->token), printable(row.credential->chain, 1024)));
    if (row.facts) print(describe(*row.facts));
    print(fmt::format("  state        {}\n", state_of(row)));
  }
  return {};
}

Status ca_show(const CaShowOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const std::string file = paths->ca() + "/ca.pem";
  const auto text = config::read_file(file);
  if (!text) return fail(text.error());
  if (options.encoding == Encoding::pem) {
    print(*text);
    return {};
  }
  const auto ders = read_chain(file);
  if (!ders) return fail(ders.error());
  const auto facts = facts_of(ders->front());
  if (!facts) return fail(facts.error());
  print(file + "\n" + describe(*facts));
  return {};
}

}  // namespace tlspool::cli
