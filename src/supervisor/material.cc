// SPDX-License-Identifier: Apache-2.0
#include "supervisor/material.h"

#include "base/text.h"
#include "config/load.h"
#include "tls/openssl.h"
#include "trust/anchors.h"

namespace tlspool::supervisor {
namespace {

constexpr std::size_t longest_file = 16 << 20;

Result<std::vector<Bytes>> read_chain(const config::Credential& credential) {
  auto pem = config::read_file(credential.chain, longest_file);
  auto chain = pem ? tls::chain_from_pem(*pem, credential.chain) : fail(std::move(pem.error()));
  if (chain) return chain;
  const Error& e = chain.error();
  return fail({Code::config, "certificate chain", at_line(credential.file, credential.line), e.text(),
               "chain must name a PEM file, the identity's own certificate first"});
}

}  // namespace

Result<Material> read_material(const config::Config& config) {
  Material out;
  for (const auto& identity : config.identities) {
    for (const auto& credential : identity.credentials) {
      if (credential.chain.starts_with("pkcs11:") || out.chains.contains(credential.chain)) continue;
      auto chain = read_chain(credential);
      if (!chain) return fail(std::move(chain.error()));
      out.chains[credential.chain] = std::move(*chain);
    }
  }
  for (const auto& file : config.trust.anchors) {
    auto pem = config::read_file(file, longest_file);
    auto anchors = pem ? tls::chain_from_pem(*pem, file) : fail(pem.error());
    if (!anchors) {
      return fail({Code::config, "configuration", config.trust.where, "trust anchor: " + anchors.error().text(), "correct [trust] anchors"});
    }
    const auto bytes = view(*pem);
    out.trust.insert(out.trust.end(), bytes.begin(), bytes.end());
  }
  if (config.trust.system) {
    // Only its contents matter here: a change of them must end resumption under the old trust.
    if (auto bundle = config::read_file(trust::system_bundle, longest_file)) {
      const auto bytes = view(*bundle);
      out.trust.insert(out.trust.end(), bytes.begin(), bytes.end());
    }
  }
  return out;
}

}  // namespace tlspool::supervisor
