// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <set>

#include "base/text.h"
#include "cli/certificate.h"
#include "cli/dane_commands.h"
#include "cli/output.h"
#include "config/load.h"
#include "config/paths.h"
#include "tls/openssl.h"

namespace tlspool::cli {
namespace {

using trust::TlsaUsage;

/// The certificate that a record of this usage is about: the peer's own, or the last authority that it sends.
Result<Bytes> certificate_for(TlsaUsage usage, const std::vector<Bytes>& chain) {
  switch (usage) {
    case TlsaUsage::pkix_ee:
    case TlsaUsage::dane_ee:
      return chain.front();
    case TlsaUsage::pkix_ta:
    case TlsaUsage::dane_ta:
      break;
  }
  if (chain.size() > 1) return chain.back();
  return fail({Code::certificate, "dane record", "", "the chain holds no certificate of an authority, and a server must send that one",
               "append it to the chain, or publish records of usage 3 alone"});
}

Result<std::string> owner_of(const DanePlace& place) {
  switch (place.peer) {
    case DanePlace::Peer::server:
      return trust::tlsa_owner(place.name, place.port, place.transport);
    case DanePlace::Peer::client:
      return trust::client_tlsa_owner(place.name, place.service);
  }
  return place.name;
}

Result<std::string> line_of(const DaneRecordOptions& options, TlsaUsage usage, const std::string& owner, const std::vector<Bytes>& chain) {
  const auto der = certificate_for(usage, chain);
  if (!der) return fail(der.error());
  const auto certificate = tls::certificate_from_der(*der);
  if (!certificate) return fail(certificate.error());
  const auto record = trust::make_tlsa(certificate->get(), usage, options.selector, options.matching);
  if (!record) return fail(record.error());
  return trust::zone_line(owner, *record) + "\n";
}

}  // namespace

Result<std::vector<std::vector<Bytes>>> dane_chains(const std::string& pool, const std::string& name, const std::string& file) {
  std::vector<std::vector<Bytes>> out;
  if (!file.empty()) {
    auto chain = read_chain(file);
    if (!chain) return fail(std::move(chain.error()));
    out.push_back(*std::move(chain));
    return out;
  }
  const auto paths = config::find_pool(pool);
  if (!paths) return fail(paths.error());
  const auto config = config::load(*paths);
  if (!config) return fail(config.error());
  const std::string wanted = normal_identity(name).value_or(name);
  for (const config::Identity& identity : config->identities) {
    if (identity.name != wanted) continue;
    for (const config::Credential& credential : identity.credentials) {
      if (credential.chain.starts_with("pkcs11:")) {
        return fail({Code::invalid, "dane", printable(wanted), "its certificates are in the token, not in a file", "give them with --certificate FILE"});
      }
      auto chain = read_chain(credential.chain);
      if (!chain) return fail(std::move(chain.error()));
      out.push_back(*std::move(chain));
    }
  }
  if (!out.empty()) return out;
  return fail({Code::not_found, "dane", printable(wanted), "the pool has no such identity", "name a PEM file with --certificate FILE"});
}

Status dane_record(const DaneRecordOptions& options) {
  const auto owner = owner_of(options.place);
  if (!owner) return fail(owner.error());
  const auto chains = dane_chains(options.pool, options.place.name, options.certificate);
  if (!chains) return fail(chains.error());
  std::set<std::string> printed;  // several keys may be certified by one authority
  for (const std::vector<Bytes>& chain : *chains) {
    for (const TlsaUsage usage : {options.usage.value_or(TlsaUsage::dane_ee), options.usage.value_or(TlsaUsage::dane_ta)}) {
      const auto line = line_of(options, usage, *owner, chain);
      if (!line) {
        if (options.usage || chain.size() > 1) return fail(line.error());
        std::fprintf(stderr, "tlspool: no record of usage 2: %s\n", line.error().reason.c_str());
        continue;
      }
      if (printed.insert(*line).second) print(*line);
    }
  }
  return {};
}

}  // namespace tlspool::cli
