// SPDX-License-Identifier: Apache-2.0
// The tables of tlspool.toml but those of shared keys, which peers.cc reads.
#include "base/text.h"
#include "config/authorization.h"
#include "config/cache.h"
#include "config/disclosure.h"
#include "config/dns.h"
#include "config/metrics.h"
#include "config/peers.h"
#include "config/revocation.h"
#include "config/section.h"
#include "config/sessions.h"

namespace tlspool::config {
namespace {

constexpr std::uint32_t longest_idle = 30 * 24 * 60 * 60;  // seconds

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

void read_pool(Section s, Config& config) {
  s.text("name", config.name);
  if (!config.name.empty()) {
    auto name = normal_identity(config.name);
    if (!name) return s.wrong("name", "is no identity: " + name.error().reason);
    config.name = *name;
  }
  s.number("workers", 0, 256, config.workers);
  s.number("drain", 1, 604'800, config.drain);
  s.word<bool>("minimum_version", {{"1.2", true}, {"1.3", false}}, config.tls12);
  s.done();
}

void read_log(Section s, Config& config) {
  using log::Format;
  using log::Level;
  s.word<Format>("format", {{"text", Format::text}, {"json", Format::json}}, config.log_format);
  s.word<Level>("level",
                {{"debug", Level::debug}, {"info", Level::info}, {"warning", Level::warning}, {"error", Level::error}},
                config.log_level);
  read_audit(s, config.audit);
  s.done();
}

void read_limits(Section s, wire::Limits& limits) {
  s.number("sessions", 1, 1'000'000, limits.sessions);
  s.number("handshakes", 1, 1'000'000, limits.handshakes);
  s.number("handshakes_per_uid", 1, 1'000'000, limits.handshakes_per_uid);
  s.number("control_connections", 1, 1'000'000, limits.control_connections);
  std::uint32_t seconds = limits.handshake_deadline_ms / 1000;
  s.number("handshake_deadline", 1, 600, seconds);
  limits.handshake_deadline_ms = seconds * 1000;
  std::uint32_t idle = limits.idle_deadline_ms / 1000;
  s.number("idle_deadline", 0, longest_idle, idle);
  limits.idle_deadline_ms = idle * 1000;
  s.done();
}

void read_peer_to_peer(Section s, wire::PeerToPeerSetup& out) {
  std::uint32_t extension = out.extension;
  // RFC 8446 section 11: private use. 65281 is renegotiation_info.
  s.number("extension", 65282, 65535, extension);
  out.extension = static_cast<std::uint16_t>(extension);
  s.number("hello_delay", 0, 600'000, out.hello_delay_ms);
  s.flag("certificate_usage", out.certificate_usage);
  s.done();
}

void read_trust(Section s, Trust& trust, const std::string& directory) {
  s.flag("system", trust.system);
  s.texts("anchors", [&](const std::string& file, int) { trust.anchors.push_back(below(directory, file)); });
  if (s.has("anchors")) trust.where = at_line(s.file(), s.line("anchors"));
  s.done();
}

void read_users(Section s, Users& users) {
  s.needed_text("keeper", users.keeper);
  s.needed_text("worker", users.worker);
  s.needed_text("judge", users.judge);
  s.needed_text("fetcher", users.fetcher);
  s.needed_text("metrics", users.metrics);
  s.needed_text("hook", users.hook);
  s.done();
}

void read_token(Section s, Config& config, const std::string& keeper) {
  wire::TokenSetup token;
  s.needed_text("name", token.name);
  s.needed_text("module", token.module);
  if (!token.module.empty() && !token.module.starts_with('/')) s.wrong("module", "must be an absolute path");
  s.needed_text("uri", token.uri);
  if (!token.uri.starts_with("pkcs11:")) s.wrong("uri", "must be a PKCS#11 URI such as \"pkcs11:token=tlspool\"");
  s.text("pin_file", token.pin_file);
  if (!token.pin_file.empty()) token.pin_file = below(keeper, token.pin_file);
  s.text("pin_credential", token.pin_credential);
  if (token.pin_credential.find('/') != std::string::npos) s.wrong("pin_credential", "must be a name without /");
  s.number("parallel", 1, 64, token.parallel);
  s.flag("shared", token.shared);
  s.done();
  for (const auto& other : config.tokens) {
    if (other.name == token.name) s.wrong("name", "\"" + printable(token.name) + "\" is there twice");
  }
  config.tokens.push_back(std::move(token));
}

void read_allow(Section s, Config& config) {
  wire::AllowRule rule;
  const std::size_t names = config.allow_names.size();
  const std::size_t index = config.allow.size();
  read_ids(s, "uid", {AllowName::Table::allow, index, AllowName::Kind::user, {}, {}}, rule.uids, config);
  read_ids(s, "gid", {AllowName::Table::allow, index, AllowName::Kind::group, {}, {}}, rule.gids, config);
  s.texts("executable", [&](const std::string& path, int line) {
    if (!path.starts_with('/')) return s.wrong(line, "[allow] executable must be an absolute path");
    rule.executables.push_back(path);
  });
  s.texts("identity", [&](const std::string& name, int line) {
    if (name == "*") return rule.identities.push_back(name);
    auto normal = normal_identity(name);
    if (!normal) return s.wrong(line, "[allow] identity \"" + printable(name) + "\": " + normal.error().reason);
    rule.identities.push_back(*normal);
  });
  read_roles(s, rule.roles);
  s.done();
  // A rule without a condition would let every program of the machine in.
  if (rule.uids.empty() && rule.gids.empty() && rule.executables.empty() && config.allow_names.size() == names) {
    s.wrong(s.line(), "this [[allow]] says of nobody that he may", "give it a uid, a gid or an executable");
  }
  config.allow.push_back(std::move(rule));
}

void read_credential(Section s, Identity& identity, const std::string& directory) {
  Credential credential;
  credential.line = s.line();
  credential.file = s.file();
  s.needed_text("key", credential.key);
  if (!credential.key.starts_with("pkcs11:")) s.wrong("key", "must be a PKCS#11 URI: keys never lie in files");
  s.needed_text("chain", credential.chain);
  if (!credential.chain.starts_with("pkcs11:")) credential.chain = below(directory, credential.chain);
  s.text("token", credential.token);
  s.done();
  identity.credentials.push_back(std::move(credential));
}

void read_identity(Section s, Config& config, const std::string& directory) {
  Identity identity;
  s.needed_text("name", identity.name);
  if (auto name = normal_identity(identity.name)) {
    identity.name = *name;
  } else {
    s.wrong("name", "is no host name and no user@domain: " + name.error().reason);
  }
  read_roles(s, identity.roles);
  read_token_gone(s, identity.token_gone);
  for (Section& credential : s.sections("credential")) read_credential(std::move(credential), identity, directory);
  if (identity.credentials.empty()) s.wrong(s.line(), "this identity has no [[identity.credential]]");
  s.done();
  config.identities.push_back(std::move(identity));
}

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

void read_policies(Section& root, Config& config) {
  for (Section& s : root.sections("policy")) {
    wire::PolicySetup policy;
    policy.file = s.file();
    policy.line = static_cast<std::uint32_t>(s.line());
    for (const auto& [key, text] : {std::pair("local", &policy.local), std::pair("remote", &policy.remote), std::pair("service", &policy.service)}) {
      s.placed_text(key, *text);
      if (s.has(key) && text->text.empty()) s.wrong(key, "is empty", "leave it out where it makes no difference");
    }
    s.needed_text("trust", policy.trust.text);
    s.placed_text("trust", policy.trust);
    s.done();
    config.policies.push_back(std::move(policy));
  }
}

void read_main(Section& root, Config& config, SharedKeyTables& shared, AuthorizationTables& authorization,
               const std::string& directory, const std::string& keeper) {
  if (auto s = root.section("pool")) read_pool(std::move(*s), config);
  if (auto s = root.section("log")) read_log(std::move(*s), config);
  if (auto s = root.section("limits")) read_limits(std::move(*s), config.limits);
  if (auto s = root.section("trust")) read_trust(std::move(*s), config.trust, directory);
  if (auto s = root.section("revocation")) read_revocation(std::move(*s), config.revocation, directory);
  if (auto s = root.section("dns")) read_dns(std::move(*s), config.dns, directory);
  if (auto s = root.section("users")) read_users(std::move(*s), config.users);
  if (auto s = root.section("metrics")) read_metrics(std::move(*s), config.metrics);
  for (Section& s : root.sections("token")) read_token(std::move(s), config, keeper);
  for (Section& s : root.sections("allow")) read_allow(std::move(s), config);
  for (Section& s : root.sections("identity")) read_identity(std::move(s), config, directory_of(root.file()));
  if (auto s = root.section("peer_to_peer")) read_peer_to_peer(std::move(*s), config.peer_to_peer);
  if (auto s = root.section("cache")) read_cache(std::move(*s), config.cache, directory);
  if (auto s = root.section("keystore")) shared.read_keystore(std::move(*s));
  shared.read_peers(root);
  if (auto s = root.section("sessions")) read_sessions(std::move(*s), config.sessions);
  if (auto s = root.section("pins")) read_pins(std::move(*s), config.pins);
  read_policies(root, config);
  authorization.read_main(root);
  read_disclosures(root, config);
  root.done();
}

void read_drop_in(Section& root, Source::Holds holds, Config& config, SharedKeyTables& shared,
                  AuthorizationTables& authorization) {
  switch (holds) {
    case Source::Holds::identities:
      for (Section& s : root.sections("identity")) read_identity(std::move(s), config, directory_of(root.file()));
      break;
    case Source::Holds::peers: shared.read_peers(root); break;
    case Source::Holds::policies: read_policies(root, config); break;
    case Source::Holds::rules: authorization.read(root); break;
    case Source::Holds::disclosures: read_disclosures(root, config); break;
  }
  root.done();
}

}  // namespace

void read_ids(Section& section, std::string_view key, AllowName name, std::vector<std::uint32_t>& numbers, Config& config) {
  section.each(key, [&](const Section::Item& item) {
    // The last number means "nobody" to the kernel.
    if (item.number && *item.number >= 0 && *item.number < 0xffffffff) {
      numbers.push_back(static_cast<std::uint32_t>(*item.number));
    } else if (!item.text.empty()) {
      name.name = item.text;
      name.where = at_line(section.file(), item.line);
      config.allow_names.push_back(name);
    } else {
      section.wrong(item.line, section.described(key) + " must be a list of numbers or names");
    }
  });
}

void read_roles(Section& section, std::uint8_t& out) {
  if (!section.has("role")) {
    section.texts("role", [](const std::string&, int) {});
    return;
  }
  out = 0;
  section.texts("role", [&](const std::string& word, int line) {
    if (word == "client") {
      out |= wire::role_client;
    } else if (word == "server") {
      out |= wire::role_server;
    } else {
      section.wrong(line, "role must be \"client\" or \"server\", not \"" + printable(word) + "\"");
    }
  });
  if (out == 0) section.wrong("role", "names no role");
}

Result<Config> parse(const std::vector<Source>& sources, const std::string& directory, const std::string& keeper) {
  Config config;
  SharedKeyTables shared;
  AuthorizationTables authorization;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Source& source = sources[i];
    auto done = read_toml(source, [&](Section& root) {
      if (i == 0) {
        read_main(root, config, shared, authorization, directory, keeper);
      } else {
        read_drop_in(root, source.holds, config, shared, authorization);
      }
    });
    if (!done) return fail(std::move(done.error()));
  }
  if (auto done = check_references(config); !done) return fail(std::move(done.error()));
  if (auto done = shared.finish(config); !done) return fail(std::move(done.error()));
  if (auto done = authorization.finish(config); !done) return fail(std::move(done.error()));
  return config;
}

}  // namespace tlspool::config
