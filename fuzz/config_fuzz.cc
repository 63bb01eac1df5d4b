// SPDX-License-Identifier: Apache-2.0
// The configuration: any text is either a Config or one mistake with its place. A line of ten dashes parts
// tlspool.toml from a file of identities.
#include <cstdlib>
#include <string>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find("\n----------\n");
  std::vector<tlspool::config::Source> sources{{"tlspool.toml", text.substr(0, cut)}};
  if (cut != std::string::npos) sources.push_back({"identities/a.toml", text.substr(cut + 12)});
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
  return 0;
}
