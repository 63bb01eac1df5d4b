// SPDX-License-Identifier: Apache-2.0
#include "supervisor/cluster_digest.h"

#include <algorithm>

#include "tls/openssl.h"

namespace tlspool::supervisor {
namespace {

/// Walks the fields of a message and takes out where something stands in the configuration.
class PlaceEraser {
 public:
  template <class... T>
  void operator()(T&... values) {
    (erase(values), ...);
  }

  template <class T>
  void erase(T& value) {
    if constexpr (requires { value.line; }) value.line = 0;
    if constexpr (requires { value.column; }) value.column = 0;
    if constexpr (requires { value.file; }) value.file.clear();
    if constexpr (requires { fields(*this, value); }) fields(*this, value);
  }
  template <class T>
  void erase(std::vector<T>& list) {
    for (T& item : list) erase(item);
  }
  void erase(Bytes&) {}
};

struct Decides {
  wire::JudgeSetup setup;
  std::vector<wire::JudgeTables> tables;
  Bytes trust;
};
template <class Io> void fields(Io& io, Decides& m) { io(m.setup, m.tables, m.trust); }

/// What a certificate says that another one for the same names by the same issuer says, too.
struct Shown {
  std::vector<std::string> names;
  Bytes issuer;  ///< its name, in DER
  std::vector<Bytes> others;
};
template <class Io> void fields(Io& io, Shown& m) { io(m.names, m.issuer, m.others); }

struct Identity {
  std::string name;
  std::uint8_t roles = 0;
  std::vector<Shown> shown;
};
template <class Io> void fields(Io& io, Identity& m) { io(m.name, m.roles, m.shown); }

struct Binds {
  Bytes outcomes;
  std::vector<wire::AllowRule> rules;
  std::vector<Identity> identities;
  std::string default_identity;
  bool tls12 = true;
  std::vector<wire::PeerSetup> peers;
  wire::PeerToPeerSetup peer_to_peer;
  std::vector<wire::DisclosureSetup> disclosures;
};
template <class Io> void fields(Io& io, Binds& m) {
  io(m.outcomes, m.rules, m.identities, m.default_identity, m.tls12, m.peers, m.peer_to_peer, m.disclosures);
}

Shown shown_by(const wire::CredentialSetup& credential) {
  Shown out;
  if (credential.chain.empty()) return out;
  out.others.assign(credential.chain.begin() + 1, credential.chain.end());
  const auto leaf = tls::certificate_from_der(credential.chain.front());
  if (!leaf) {  // it can't be compared with another one
    out.others = credential.chain;
    return out;
  }
  out.names = tls::alternative_names(leaf->get());
  std::sort(out.names.begin(), out.names.end());
  const std::uint8_t* der = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(X509_get_issuer_name(leaf->get()), &der, &size) == 1) out.issuer.assign(der, der + size);
  return out;
}

}  // namespace

Bytes outcome_policy(const config::Config& config, const Material& material, const config::Paths& paths) {
  Decides decides;
  decides.setup = judge_setup(config, paths);
  decides.setup.anchor_files.clear();  // what they hold is in `trust`
  decides.setup.state.clear();
  decides.setup.cache = {};
  for (const Bytes& part : judge_tables(config)) {
    auto tables = wire::decode<wire::JudgeTables>(part);
    if (tables) decides.tables.push_back(std::move(*tables));
  }
  decides.trust = material.trust;
  PlaceEraser{}.erase(decides);
  return tls::sha256(wire::encode(decides));
}

Bytes ticket_policy(const wire::WorkerSetup& setup, const Bytes& outcomes) {
  Binds binds{outcomes, setup.rules, {}, setup.default_identity, setup.tls12, setup.peers, setup.peer_to_peer, setup.disclosures};
  for (const wire::IdentitySetup& identity : setup.identities) {
    Identity& out = binds.identities.emplace_back(Identity{identity.name, identity.roles, {}});
    for (const wire::CredentialSetup& credential : identity.credentials) out.shown.push_back(shown_by(credential));
  }
  PlaceEraser{}.erase(binds);
  return tls::sha256(wire::encode(binds));
}

}  // namespace tlspool::supervisor
