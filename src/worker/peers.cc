// SPDX-License-Identifier: Apache-2.0
#include "worker/peers.h"

#include <algorithm>

#include "base/text.h"
#include "sharedkey/identity.h"

namespace tlspool::worker {
namespace {

tl::unexpected<Error> refused(Code code, std::string subject, std::string reason, std::string advice) {
  return fail({code, "shared key", std::move(subject), std::move(reason), std::move(advice)});
}

const wire::PeerSetup* client_peer_of_name(const std::vector<wire::PeerSetup>& peers, const std::string& name) {
  for (const wire::PeerSetup& peer : peers) {
    if (peer.name == name && (peer.roles & wire::role_client) != 0) return &peer;
  }
  return nullptr;
}

bool speaks(const wire::PeerSetup& peer, const Policy& policy, const StartRequest& request) {
  return peer.tls13 || (policy.setup().tls12 && !request.tls13_only);
}

const char* version_word(bool tls13) { return tls13 ? "TLS 1.3" : "TLS 1.2"; }

// The peer that the identity's object leads to, among those that this connection may use.
Result<const wire::PeerSetup*> peer_of_store(const std::string& object, const std::vector<wire::PeerSetup>& all,
                                             const std::vector<const wire::PeerSetup*>& usable, bool tls13) {
  const std::string subject = "store=" + printable(object);
  const auto is_peer = [&](const wire::PeerSetup& p) { return p.use == wire::KeyUse::psk && p.store == object; };
  if (std::any_of(all.begin(), all.end(), [&](const auto& p) { return !p.address.empty() && p.address == object; })) {
    return refused(Code::policy, subject, "the identity names our own key store: the connection came back to where it began",
                   "a peer writes the address of its own key store; see who reflects connections");
  }
  const wire::PeerSetup* other_version = nullptr;
  for (const wire::PeerSetup* peer : usable) {
    if (!is_peer(*peer)) continue;
    if (peer->tls13 == tls13) return peer;
    other_version = peer;
  }
  if (other_version != nullptr) {
    return refused(Code::policy, subject, std::string("its keys are for ") + version_word(other_version->tls13) + " alone",
                   "see version of [[peer]] " + other_version->name);
  }
  if (std::any_of(all.begin(), all.end(), is_peer)) {
    return refused(Code::denied, subject, "its keys may not be used for this connection",
                   "see role and as of its [[peer]], [[allow]], and the name that the program expects");
  }
  return refused(Code::not_found, subject, "no [[peer]] has this key store", "add one to tlspool.toml, or correct its store");
}

}  // namespace

Result<const wire::PeerSetup*> peer_of_client(const Policy& policy, const StartRequest& request, const authz::Caller& caller) {
  const std::string& name = request.remote_identity.empty() ? request.server_name : request.remote_identity;
  const wire::PeerSetup* peer = client_peer_of_name(policy.setup().peers, name);
  const bool certificate = request.local_identity.empty() || policy.find(request.local_identity) != nullptr;
  // Who names an identity that only shared keys prove has asked for one.
  const bool asked = request.require_shared_key || !certificate;
  if (peer == nullptr || (peer->only_if_asked && !asked)) {
    if (certificate && !request.require_shared_key) return nullptr;
    return refused(Code::not_found, "peer=" + printable(name),
                   certificate ? "a shared key is required, and no [[peer]] with the role client has this name"
                               : "identity " + request.local_identity + " is proved by shared keys alone, and none is for this peer",
                   "add a [[peer]] to tlspool.toml");
  }
  const std::string subject = "peer=" + peer->name;
  if (!speaks(*peer, policy, request)) {
    return refused(Code::policy, subject, "its keys are for TLS 1.2, which this connection may not use", "see version of the [[peer]]");
  }
  if (peer->local_identity.empty() || peer->local_identity == request.local_identity) return peer;
  if (!request.local_identity.empty()) {
    return refused(Code::policy, subject, "its keys prove that we are " + peer->local_identity + ", not " + request.local_identity,
                   "name that identity or none; see as of the [[peer]]");
  }
  if (!policy.allows(caller, peer->local_identity, wire::role_client)) {
    return refused(Code::denied, subject, "this program may not use the identity " + peer->local_identity, "see [[allow]] in tlspool.toml(5)");
  }
  return peer;
}

bool ServerPeers::any(wire::KeyUse use, bool tls13) const {
  return std::any_of(usable.begin(), usable.end(), [&](const auto* p) { return p->use == use && p->tls13 == tls13; });
}

ServerPeers peers_of_server(const Policy& policy, const StartRequest& request, const authz::Caller& caller) {
  ServerPeers out;
  out.required = request.require_shared_key || (!request.local_identity.empty() && policy.find(request.local_identity) == nullptr);
  for (const wire::PeerSetup& peer : policy.setup().peers) {
    const bool named = peer.name == request.remote_identity;
    if ((peer.roles & wire::role_server) == 0 || !(named || request.remote_identity.empty())) continue;
    if (!speaks(peer, policy, request)) continue;
    const bool as_asked = request.local_identity.empty() || peer.local_identity.empty() || peer.local_identity == request.local_identity;
    if (!as_asked || !policy.allows(caller, peer.local_identity, wire::role_server)) continue;
    out.usable.push_back(&peer);
    if (named && !peer.only_if_asked && peer.exhausted != wire::Exhausted::certificate) out.required = true;
  }
  return out;
}

Result<std::optional<NamedKey>> key_named_by(ByteView identity, const std::vector<wire::PeerSetup>& all,
                                             const std::vector<const wire::PeerSetup*>& usable, bool tls13) {
  NamedKey named;
  named.request.operation = wire::KeyOperation::lease;
  named.request.identity = copy_of(identity);
  std::size_t longest = 0;
  for (const wire::PeerSetup& peer : all) longest = std::max<std::size_t>(longest, peer.longest_identity);
  for (const wire::PeerSetup* peer : usable) {
    if (peer->use != wire::KeyUse::psk) continue;
    if (peer->identity_form != wire::IdentityForm::text || peer->tls13 != tls13 || text_of(identity) != peer->identity) continue;
    named.peer = peer;
    named.request.peer = peer->name;
    named.request.derived = peer->mode == wire::KeyMode::derived;
    return named;
  }
  if (!sharedkey::looks_like_identity(identity)) return std::nullopt;
  auto parsed = sharedkey::parse_identity(identity, longest);
  if (!parsed) return fail(std::move(parsed.error()));
  auto peer = peer_of_store(parsed->object, all, usable, tls13);
  if (!peer) return fail(std::move(peer.error()));
  named.peer = *peer;
  const std::string subject = "store=" + printable(parsed->object) + " key=" + printable(parsed->id);
  if (identity.size() > named.peer->longest_identity) {
    return refused(Code::invalid, subject, "the identity has " + std::to_string(identity.size()) + " bytes",
                   "see longest_identity of [[peer]] " + named.peer->name);
  }
  if (named.peer->source != wire::KeySource::psk) {
    auto id = sharedkey::id_of(named.peer->id_form, *parsed);
    if (!id) return fail(std::move(id.error()));
    named.request.id = std::move(*id);
  }
  named.request.peer = named.peer->name;
  named.request.derived = parsed->derived;
  return named;
}

}  // namespace tlspool::worker
