// SPDX-License-Identifier: Apache-2.0
// Tokens, keys and certificates.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/certificate.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/provisioner.h"
#include "cli/sealed_pin.h"

namespace tlspool::cli {
namespace {

constexpr std::int64_t soon = 14 * 86400;

bool covers(const CertificateFacts& facts, const std::string& name) {
  return std::any_of(facts.names.begin(), facts.names.end(), [&](const std::string& candidate) {
    if (candidate == name) return true;
    const auto dot = name.find('.');  // RFC 9525 section 6.3: a wildcard is one whole leftmost label
    return candidate.starts_with("*.") && dot != std::string::npos && candidate.substr(1) == name.substr(dot);
  });
}

void check_validity(Findings& findings, const std::string& what, const std::string& file,
                    const CertificateFacts& facts) {
  const std::int64_t left = facts.not_after - std::time(nullptr);
  const std::string until = timestamp(facts.not_after);
  const std::string advice = "have a new one made, and then: tlspool reload";
  if (facts.not_before > std::time(nullptr)) {
    return findings.problem(what, {Code::certificate, "validity", file, "not valid before " +
                                   timestamp(facts.not_before), "check this machine's clock"});
  }
  if (left < 0) return findings.problem(what, {Code::certificate, "validity", file, "expired on " + until, advice});
  if (left < soon) return findings.problem(what, {Code::certificate, "validity", file, "expires on " + until, advice});
  findings.ok(what, "valid until " + until);
}

void check_identity(Findings& findings, const config::Identity& identity, const config::Credential& credential) {
  if (credential.chain.starts_with("pkcs11:")) return;
  const std::string what = "certificate of " + printable(identity.name);
  const auto chain = read_chain(credential.chain);
  if (!chain) return findings.problem(what, chain.error());
  const auto facts = facts_of(chain->front());
  if (!facts) return findings.problem(what, facts.error());
  if (!covers(*facts, identity.name)) {
    return findings.problem(what, {Code::certificate, "name", credential.chain,
                                   fmt::format("it is for {}", facts->names.empty() ? "no name" : facts->names.front()),
                                   "a peer that asks for this identity will refuse it"});
  }
  check_validity(findings, what, credential.chain, *facts);
}

/// The keys that the configuration takes from one token; `key` counts through the configuration.
std::vector<wire::KeySetup> keys_of(const config::Config& config, const wire::TokenSetup& token) {
  std::vector<wire::KeySetup> out;
  std::uint32_t number = 0;
  for (const config::Identity& identity : config.identities) {
    for (const config::Credential& credential : identity.credentials) {
      ++number;
      if (credential.token != token.name) continue;
      wire::KeySetup key{number, token.name, credential.key, identity.roles, {}, {}, identity.name};
      if (credential.chain.starts_with("pkcs11:")) {
        key.chain_uri = credential.chain;
      } else if (const auto chain = read_chain(credential.chain)) {
        key.leaf = chain->front();
      }
      out.push_back(std::move(key));
    }
  }
  return out;
}

void report(Findings& findings, const std::string& token, const wire::CheckStep& step) {
  const std::string what = fmt::format("token {}: {}", token, step.what);
  switch (step.outcome) {
    case wire::StepOutcome::passed:
      return findings.ok(what, step.detail);
    case wire::StepOutcome::skipped:
      return findings.skipped(what, step.detail);
    case wire::StepOutcome::failed:
      return findings.problem(what, wire::error_of(step.error));
  }
}

}  // namespace

void check_certificates(Findings& findings, const config::Paths& paths, const config::Config& config) {
  for (const config::Identity& identity : config.identities) {
    for (const config::Credential& credential : identity.credentials) check_identity(findings, identity, credential);
  }
  if (config.identities.empty()) {
    findings.skipped("certificates", "no identities; " + command_for(paths) + " identity new NAME makes one");
  }
  for (const std::string& anchor : config.trust.anchors) {
    const auto chain = read_chain(anchor);
    if (!chain) {
      findings.problem("trust anchor", chain.error());
    } else if (const auto facts = facts_of(chain->front()); facts) {
      check_validity(findings, "trust anchor " + facts->subject, anchor, *facts);
    }
  }
}

void check_tokens(Findings& findings, const config::Paths& paths, const config::Config& config) {
  std::vector<wire::TokenSetup> tokens = config.tokens;
  const auto pins = lend_pins(tokens);
  if (!pins) return findings.problem("PINs", pins.error());
  for (const wire::TokenSetup& token : tokens) {
    // A process for each: a module that crashes takes no other token's findings with it.
    auto provisioner = Provisioner::start(paths);
    if (!provisioner && provisioner.error().code == Code::denied) {
      return findings.skipped("tokens", "only root and the pool's owner can look into them");
    }
    if (!provisioner) return findings.problem("token " + token.name, provisioner.error());
    const auto checked = provisioner->check({inside_keeper(token, paths), keys_of(config, token)});
    if (!checked) {
      findings.problem("token " + token.name, checked.error());
      continue;
    }
    for (const wire::CheckStep& step : checked->steps) report(findings, token.name, step);
  }
}

}  // namespace tlspool::cli
