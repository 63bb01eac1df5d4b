// SPDX-License-Identifier: Apache-2.0
#include "worker/policy.h"

#include <algorithm>

#include "base/secret.h"
#include "tls/context.h"
#include "worker/callbacks.h"
#include "worker/tie.h"

namespace tlspool::worker {

Result<std::shared_ptr<const Policy>> Policy::make(wire::WorkerSetup setup) {
  auto policy = std::make_shared<Policy>();
  policy->setup_ = std::move(setup);
  auto tickets = tls::TicketKeys::make(policy->setup_.ticket_key, policy->setup_.old_ticket_keys);
  // They are in there now, and wiped with it.
  wipe(policy->setup_.ticket_key);
  for (Bytes& key : policy->setup_.old_ticket_keys) wipe(key);
  if (!tickets) return fail(std::move(tickets.error()));
  auto disclosures = authz::Disclosures::make(policy->setup_.disclosures);
  if (!disclosures) return fail(std::move(disclosures.error()));
  policy->disclosures_ = std::move(*disclosures);
  auto anonymous = tls::make_context(*tickets);
  if (!anonymous) return fail(std::move(anonymous.error()));
  policy->anonymous_ = std::move(*anonymous);
  set_callbacks(policy->anonymous_.get());
  const std::uint16_t extension = policy->setup_.peer_to_peer.extension;
  if (auto added = add_tie_breaker(policy->anonymous_.get(), extension); !added) return fail(std::move(added.error()));
  for (const wire::IdentitySetup& setup_of_one : policy->setup_.identities) {
    Identity& identity = policy->identities_[setup_of_one.name];
    identity.setup = &setup_of_one;
    auto context = tls::make_context(*tickets);
    if (!context) return fail(std::move(context.error()));
    set_callbacks(context->get());
    if (auto added = add_tie_breaker(context->get(), extension); !added) return fail(std::move(added.error()));
    if (tls::add_credentials(context->get(), setup_of_one) > 0) {
      identity.context = std::move(*context);
    } else {
      identity.problem = "no key of it can be used";
    }
    for (const wire::CredentialSetup& credential : setup_of_one.credentials) {
      policy->tokens_[credential.key] = credential.token;
      if (credential.chain.empty()) continue;
      if (auto leaf = tls::certificate_from_der(credential.chain.front())) identity.leaves.push_back(std::move(*leaf));
    }
    for (const wire::CredentialSetup& credential : setup_of_one.credentials) {
      if (!identity.context && !credential.problem.empty()) identity.problem = credential.problem;
    }
  }
  return std::shared_ptr<const Policy>(std::move(policy));
}

const Policy::Identity* Policy::find(const std::string& name) const {
  const auto found = identities_.find(name);
  return found == identities_.end() ? nullptr : &found->second;
}

bool Policy::allows(const authz::Caller& caller, const std::string& name, wire::RoleBits role) const {
  if (!authz::allowed(setup_.rules, caller, name, role)) return false;
  if (name.empty()) return true;
  if (const Identity* identity = find(name)) return (identity->setup->roles & role) != 0;
  return std::ranges::any_of(setup_.peers, [&](const auto& peer) { return peer.local_identity == name && (peer.roles & role) != 0; });
}

const Policy::Identity* Policy::serving(const std::string& server_name, const authz::Caller& caller) const {
  if (const Identity* same = find(server_name)) return same;
  constexpr unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
  for (const auto& [name, identity] : identities_) {
    for (const tls::Certificate& leaf : identity.leaves) {
      if (X509_check_host(leaf.get(), server_name.data(), server_name.size(), flags, nullptr) == 1 &&
          allows(caller, name, wire::role_server)) {
        return &identity;
      }
    }
  }
  return nullptr;
}

std::set<std::string> Policy::proved_by_shared_keys() const {
  std::set<std::string> names;
  for (const wire::PeerSetup& peer : setup_.peers) {
    if (!peer.local_identity.empty() && find(peer.local_identity) == nullptr) names.insert(peer.local_identity);
  }
  return names;
}

bool Policy::needs_executable() const { return setup_.tell_executable || authz::need_executable(setup_.rules); }

std::string Policy::token_of(std::uint32_t key) const {
  const auto found = tokens_.find(key);
  return found == tokens_.end() ? std::string{} : found->second;
}

}  // namespace tlspool::worker
