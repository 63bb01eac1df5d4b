// SPDX-License-Identifier: Apache-2.0
// The configuration: any text is either a Config or one mistake with its place. Lines of ten dashes part
// tlspool.toml from files of identities, of peers, of policies, and of rules.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  using tlspool::config::Source;
  constexpr std::string_view line = "\n----------\n";
  std::vector<Source> sources;
  for (std::size_t at = 0; at != std::string::npos && sources.size() < 5;) {
    const auto cut = text.find(line, at);
    constexpr Source::Holds holds[] = {Source::Holds::identities, Source::Holds::identities, Source::Holds::peers, Source::Holds::policies,
                                       Source::Holds::rules};
    sources.push_back({std::to_string(sources.size()), text.substr(at, cut - at), holds[sources.size()]});
    at = cut == std::string::npos ? cut : cut + line.size();
  }
  const auto config = tlspool::config::parse(sources, "/pool", "/pool/keeper");
  if (!config) {
    if (config.error().subject.empty() || config.error().reason.empty()) std::abort();
    return 0;
  }
  for (const auto& identity : config->identities) {
    if (identity.name.empty() || identity.credentials.empty()) std::abort();
    for (const auto& credential : identity.credentials) {
      if (credential.token.empty()) std::abort();
    }
  }
  for (std::size_t i = 0; i < config->allow.size(); ++i) {
    const auto& rule = config->allow[i];
    bool named = !rule.uids.empty() || !rule.gids.empty() || !rule.executables.empty();
    for (const auto& name : config->allow_names) named = named || name.rule == i;
    if (!named) std::abort();  // a rule that lets everybody in
  }
  for (const auto& policy : config->policies) {
    if (policy.trust.text.empty() || policy.line == 0 || policy.trust.line < policy.line) std::abort();
  }
  for (const auto& rule : config->authorization.rules) {
    if (rule.line == 0 || rule.roles == 0 || (rule.action == tlspool::wire::RuleAction::ask) == rule.hooks.empty()) std::abort();
    if (!tlspool::wire::check_attributes(rule.attributes)) std::abort();
  }
  for (const auto& hook : config->authorization.setup.hooks) {
    if (hook.name.empty() || hook.program.empty() == hook.url.empty()) std::abort();
  }
  for (const auto& peer : config->peers) {
    if (peer.name.empty() || peer.roles == 0) std::abort();
    const bool named = peer.use == tlspool::wire::KeyUse::psk && peer.identity_form != tlspool::wire::IdentityForm::text;
    if (named && (peer.address.empty() || peer.address == peer.store)) std::abort();  // it would be reflected
    if (peer.token.empty() && peer.source != tlspool::wire::KeySource::kme) std::abort();
  }
  return 0;
}
