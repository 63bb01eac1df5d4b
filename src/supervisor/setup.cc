// SPDX-License-Identifier: Apache-2.0
#include "supervisor/setup.h"

#include <algorithm>

#include "base/contains.h"
#include "counters/words.h"
#include "tls/openssl.h"

namespace tlspool::supervisor {
namespace {

bool authorization_is_asked(const config::Authorization& authorization) {
  return !authorization.rules.empty() || !authorization.setup.ask.empty() || authorization.setup.otherwise == wire::RuleDefault::deny;
}

bool executable_is_asked(const config::Authorization& authorization) {
  return !authorization.setup.hooks.empty() ||
         std::any_of(authorization.rules.begin(), authorization.rules.end(), [](const auto& rule) { return !rule.executables.empty(); });
}

bool sessions_end_with(const config::Config& config, const std::string& token) {
  return std::any_of(config.identities.begin(), config.identities.end(), [&](const config::Identity& identity) {
    return identity.token_gone == config::TokenGone::end &&
           std::any_of(identity.credentials.begin(), identity.credentials.end(), [&](const auto& c) { return c.token == token; });
  });
}

bool in_token(const config::Credential& credential) { return credential.chain.starts_with("pkcs11:"); }

const std::vector<Bytes>* chain_of(const Material& material, const config::Credential& credential) {
  const auto found = material.chains.find(credential.chain);
  return found == material.chains.end() || found->second.empty() ? nullptr : &found->second;
}

std::string relative_to(const std::string& directory, const std::string& path) {
  return path.starts_with(directory + "/") ? path.substr(directory.size() + 1) : path;
}

const wire::KeyReport* report_of(const wire::KeeperReport& report, std::uint32_t key) {
  const auto found = std::find_if(report.keys.begin(), report.keys.end(), [&](const auto& k) { return k.key == key; });
  return found == report.keys.end() ? nullptr : &*found;
}

wire::CredentialSetup credential_setup(const config::Credential& credential, std::uint32_t key,
                                       const Material& material, const wire::KeeperReport& report) {
  wire::CredentialSetup out;
  out.key = key;
  out.token = credential.token;
  const wire::KeyReport* found = report_of(report, key);
  if (found != nullptr) {
    out.type = found->type;
    out.usable = found->usable;
    out.pss = found->pss;
    out.problem = found->problem;
  } else {
    out.problem = "the keeper has not reported on this key";
  }
  if (const auto* chain = chain_of(material, credential)) {
    out.chain = *chain;
  } else if (found != nullptr && in_token(credential)) {
    out.chain = found->chain;
  }
  // A token that is locked or away says nothing about its keys; the certificate does.
  if (!out.usable && !out.chain.empty()) {
    if (auto leaf = tls::certificate_from_der(out.chain.front())) out.type = tls::key_type_of(leaf->get()).value_or(out.type);
  }
  if (out.chain.empty()) {
    out.usable = false;
    if (out.problem.empty()) out.problem = "no certificate was found at " + credential.chain;
  }
  return out;
}

// What tickets are bound to: who may use which identity, what each identity shows, whom the pool trusts.
// Whether a token is logged in just now is none of it.
struct Policy {
  std::vector<wire::AllowRule> rules;
  std::vector<wire::IdentitySetup> identities;
  std::string default_identity;
  bool tls12 = true;
  bool system_trust = true;
  Bytes trust;
  std::vector<wire::PeerSetup> peers;
  wire::PeerToPeerSetup peer_to_peer;
  std::vector<Bytes> tables;
  wire::AuthorizationSetup authorization;
  std::vector<wire::DisclosureSetup> disclosures;
  wire::RevocationSetup revocation;
};
template <class Io>
void fields(Io& io, Policy& m) {
  io(m.rules, m.identities, m.default_identity, m.tls12, m.system_trust, m.trust, m.peers, m.peer_to_peer, m.tables,
     m.authorization, m.disclosures, m.revocation);
}

Bytes digest(const config::Config& config, const Material& material, const wire::WorkerSetup& setup) {
  Policy policy{setup.rules,         setup.identities, setup.default_identity, setup.tls12,
                config.trust.system, material.trust,   setup.peers,            setup.peer_to_peer, judge_tables(config),
                config.authorization.setup, setup.disclosures, config.revocation};
  for (auto& identity : policy.identities) {
    for (auto& credential : identity.credentials) {
      credential = {.token = credential.token, .chain = std::move(credential.chain)};
    }
  }
  return tls::sha256(wire::encode(policy));
}

}  // namespace

std::uint8_t granted_roles(const config::Config& config, const config::Identity& identity) {
  // Without rules the owner and the group of the pool's directory may do everything.
  std::uint8_t granted = config.allow.empty() ? wire::role_client | wire::role_server : 0;
  for (const wire::AllowRule& rule : config.allow) {
    if (contains(rule.identities, "*") || contains(rule.identities, identity.name)) granted |= rule.roles;
  }
  const auto is_this = [&](const auto& user) { return user.identity == identity.name; };
  // The pool's own fetcher and judge are programs, too.
  if (std::ranges::any_of(config.kmes, is_this) || std::ranges::any_of(config.authorization.setup.hooks, is_this)) granted |= wire::role_client;
  return granted & identity.roles;
}

std::uint32_t KeyNumbers::number(const config::Identity& identity, const config::Credential& credential) {
  const std::string name =
      identity.name + '\n' + credential.token + '\n' + credential.key + '\n' + credential.chain;
  return known_.try_emplace(name, static_cast<std::uint32_t>(known_.size() + 1)).first->second;
}

std::uint8_t KeyNumbers::token(const std::string& name) {
  const auto found = tokens_.find(name);
  if (found != tokens_.end()) return found->second;
  if (tokens_.size() + 1 >= counters::most_tokens) return counters::most_tokens - 1;
  return tokens_.emplace(name, static_cast<std::uint8_t>(tokens_.size())).first->second;
}

wire::KeeperSetup keeper_setup(const config::Config& config, const Material& material, KeyNumbers& numbers,
                               const config::Paths& paths, const Credentials& credentials) {
  wire::KeeperSetup out;
  out.tokens = config.tokens;
  for (auto& token : out.tokens) {
    token.pin_file = relative_to(paths.keeper, token.pin_file);
    token.pin_credential = keeper_credential(credentials, token.pin_credential);
    token.watched = sessions_end_with(config, token.name);
    token.number = numbers.token(token.name);
  }
  out.directory = ".";
  out.peers = config.peers;
  for (const auto& identity : config.identities) {
    for (const auto& credential : identity.credentials) {
      wire::KeySetup key;
      key.key = numbers.number(identity, credential);
      key.token = credential.token;
      key.uri = credential.key;
      key.roles = granted_roles(config, identity);
      key.tls12 = config.tls12;
      key.identity = identity.name;
      if (in_token(credential)) key.chain_uri = credential.chain;
      if (const auto* chain = chain_of(material, credential)) key.leaf = chain->front();
      out.keys.push_back(std::move(key));
    }
  }
  return out;
}

wire::JudgeSetup judge_setup(const config::Config& config, const config::Paths& paths) {
  wire::JudgeSetup out;
  out.system_trust = config.trust.system;
  out.state = relative_to(paths.directory, paths.judge);
  out.pins = config.pins;
  out.dns = config.dns;
  out.dns.root_anchor = relative_to(paths.directory, config.dns.root_anchor);
  out.authorization = config.authorization.setup;
  for (const auto& file : config.trust.anchors) out.anchor_files.push_back(relative_to(paths.directory, file));
  out.revocation = config.revocation;
  for (auto& file : out.revocation.crl_files) file = relative_to(paths.directory, file);
  return out;
}

std::vector<Bytes> judge_tables(const config::Config& config) {
  // Each part far below what a channel carries (Channel::max_body).
  constexpr std::size_t enough = 1 << 20;
  std::vector<Bytes> out;
  wire::JudgeTables part;
  std::size_t size = 0;
  const auto add = [&](const auto& row, auto& rows) {
    rows.push_back(row);
    size += wire::encode(row).size();
    if (size < enough) return;
    out.push_back(wire::encode(std::exchange(part, {})));
    size = 0;
  };
  for (const wire::PolicySetup& policy : config.policies) add(policy, part.policies);
  for (const wire::RuleSetup& rule : config.authorization.rules) add(rule, part.rules);
  if (size > 0) out.push_back(wire::encode(part));
  return out;
}

wire::CacheSetup cache_setup(const config::Config& config, const ClusterKeys* keys, Bytes policy) {
  const config::Cache& c = config.cache;
  wire::CacheSetup out{c.servers, {}, c.ttl, c.negative_ttl, c.entries, c.patience_ms, c.generation, std::move(policy)};
  if (keys != nullptr) out.key = copy_of(keys->outcomes.bytes());
  return out;
}

std::vector<wire::AllowRule> effective_rules(const config::Config& config, Owner owner) {
  if (!config.allow.empty()) return config.allow;
  wire::AllowRule by_uid;
  by_uid.uids = {owner.uid};
  by_uid.identities = {"*"};
  wire::AllowRule by_gid;
  by_gid.gids = {owner.gid};
  by_gid.identities = {"*"};
  return {by_uid, by_gid};
}

wire::WorkerSetup worker_setup(const config::Config& config, const Material& material, KeyNumbers& numbers,
                               const wire::KeeperReport& report, Owner owner) {
  wire::WorkerSetup out;
  for (const auto& identity : config.identities) {
    wire::IdentitySetup& setup = out.identities.emplace_back();
    setup.name = identity.name;
    setup.roles = identity.roles;
    for (const auto& credential : identity.credentials) {
      setup.credentials.push_back(
          credential_setup(credential, numbers.number(identity, credential), material, report));
    }
  }
  out.rules = effective_rules(config, owner);
  out.default_identity = config.name;
  out.tls12 = config.tls12;
  out.limits = config.limits;
  out.peers = config.peers;
  out.peer_to_peer = config.peer_to_peer;
  out.disclosures = config.disclosures;
  out.has_policies = !config.policies.empty();
  out.has_rules = authorization_is_asked(config.authorization);
  out.tell_executable = out.has_rules && executable_is_asked(config.authorization);
  for (const auto& hook : config.authorization.setup.hooks) {
    if (!hook.identity.empty()) out.hook_identities.push_back(hook.identity);
  }
  for (const auto& kme : config.kmes) out.fetcher_identities.push_back(kme.identity);
  out.policy = digest(config, material, out);
  return out;
}

wire::OwnCertificates own_certificates(const wire::WorkerSetup& setup) {
  wire::OwnCertificates out;
  for (const auto& identity : setup.identities) {
    if ((identity.roles & wire::role_server) == 0) continue;
    for (const auto& credential : identity.credentials) {
      if (!credential.chain.empty()) out.certificates.push_back({identity.name, credential.chain});
    }
  }
  return out;
}

void keep_chains(wire::KeeperReport& report, const wire::KeeperReport& old) {
  for (auto& key : report.keys) {
    if (!key.chain.empty()) continue;
    if (const auto* before = report_of(old, key.key)) key.chain = before->chain;
  }
}

}  // namespace tlspool::supervisor
