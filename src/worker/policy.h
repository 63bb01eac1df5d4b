// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "authz/disclosure.h"
#include "authz/rules.h"
#include "base/error.h"
#include "tls/openssl.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// One setup of the worker with the OpenSSL contexts made from it. Never changes; a reload makes another one
/// and connections keep the one that they began with.
class Policy {
 public:
  struct Identity {
    const wire::IdentitySetup* setup = nullptr;
    tls::SslContext context;  ///< null where no credential can be used
    std::vector<tls::Certificate> leaves;
    std::string problem;      ///< why not, for people
  };

  [[nodiscard]] static Result<std::shared_ptr<const Policy>> make(wire::WorkerSetup setup);

  [[nodiscard]] const wire::WorkerSetup& setup() const { return setup_; }
  /// For connections that show no identity, or do not know yet which.
  [[nodiscard]] SSL_CTX* anonymous() const { return anonymous_.get(); }
  [[nodiscard]] const Identity* find(const std::string& name) const;
  /// Whether a rule and the identity itself allow this; of an identity without a certificate, the [[peer]]s that name it.
  /// An empty name: a client that shows no identity.
  [[nodiscard]] bool allows(const authz::Caller& caller, const std::string& name, wire::RoleBits role) const;
  /// The identity that serves `server_name` for this caller: of that name, or whose certificate covers it.
  [[nodiscard]] const Identity* serving(const std::string& server_name, const authz::Caller& caller) const;
  [[nodiscard]] const authz::Disclosures& disclosures() const { return disclosures_; }
  /// Identities of ours that no [[identity]] has, but a [[peer]]: our shared keys with it prove them.
  [[nodiscard]] std::set<std::string> proved_by_shared_keys() const;
  /// Whether some rule looks at the executable of the calling program.
  [[nodiscard]] bool needs_executable() const;
  /// Name of the token that holds a key; empty for an unknown number.
  [[nodiscard]] std::string token_of(std::uint32_t key) const;

 private:
  wire::WorkerSetup setup_;
  tls::SslContext anonymous_;
  authz::Disclosures disclosures_;
  std::map<std::string, Identity> identities_;
  std::map<std::uint32_t, std::string> tokens_;
};

}  // namespace tlspool::worker
