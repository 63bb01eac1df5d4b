// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "config/checks.h"
#include "config/peers.h"

namespace tlspool::config {
namespace {

using wire::PeerSetup;

template <class T>
bool has_name(const std::vector<T>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
}

template <class T>
std::string names_of(const std::vector<T>& list) {
  std::string out;
  for (const T& item : list) out += (out.empty() ? "" : ", ") + item.name;
  return out.empty() ? "none" : out;
}

// A phantom session, and a lasting key under a name of its own, carry no address.
bool sends_address(const PeerSetup& p) { return p.use == wire::KeyUse::psk && p.identity_form != wire::IdentityForm::text; }

Status check_peer(Config& config, PeerSetup& p, const std::string& where) {
  const auto wrong = [&](std::string reason, std::string advice = {}) {
    return fail({Code::config, "configuration", where, "[[peer]] " + printable(p.name) + ": " + std::move(reason), std::move(advice)});
  };
  if (p.address.empty()) p.address = config.keystore_address;
  if (sends_address(p)) {
    if (p.address.empty()) return wrong("it has no address of our own key store", "say address = \"...\" in [keystore]");
    if (p.address == p.store) return wrong("store is the address of our own key store", "store is that of the other site");
  }
  if (config.tokens.empty()) return wrong("no [[token]] is configured", "add a [[token]] to tlspool.toml");
  if (p.token.empty()) p.token = config.tokens.front().name;
  if (!has_name(config.tokens, p.token)) {
    return wrong("there is no [[token]] named \"" + printable(p.token) + "\"", "known here: " + names_of(config.tokens));
  }
  if (!p.kme.empty() && !has_name(config.kmes, p.kme)) {
    return wrong("there is no [[kme]] named \"" + printable(p.kme) + "\"", "known here: " + names_of(config.kmes));
  }
  return {};
}

}  // namespace

Status check_peers(Config& config) {
  for (std::size_t i = 0; i < config.kmes.size(); ++i) {
    const wire::KmeSetup& kme = config.kmes[i];
    if (has_name(config.identities, kme.identity)) continue;
    return fail({Code::config, "configuration", config.kme_places[i], "[[kme]] " + printable(kme.name) + ": there is no identity " + printable(kme.identity),
                 "make it with `tlspool identity new`; known here: " + names_of(config.identities)});
  }
  std::set<std::string> names;
  std::map<std::string, std::string> owners;  // of a store
  std::set<std::string> texts;                // identities that are no URI
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    PeerSetup& p = config.peers[i];
    const std::string& where = config.peer_places[i];
    const auto twice = [&](const std::string& what, const std::string& advice) {
      return fail({Code::config, "configuration", where, "[[peer]] " + printable(p.name) + ": " + what, advice});
    };
    if (auto good = check_peer(config, p, where); !good) return good;
    if (!names.insert(p.name).second) return twice("a peer of this name is there already", "each peer has one [[peer]]");
    if (p.use == wire::KeyUse::psk) {
      // An identity names the store alone, so a store has one peer.
      const bool text = p.identity_form == wire::IdentityForm::text;
      if (text && !texts.insert(p.identity).second) return twice("another peer has the same identity", "give each an identity of its own");
      if (!text && !owners.emplace(p.store, p.name).second) {
        return twice("store \"" + printable(p.store) + "\" belongs to [[peer]] " + owners.at(p.store) + " already", "each key store has one peer");
      }
    }
  }
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    const PeerSetup& p = config.peers[i];
    const auto own = [&](const PeerSetup& other) { return sends_address(other) && other.address == p.store; };
    if (sends_address(p) && std::any_of(config.peers.begin(), config.peers.end(), own)) {
      return fail({Code::config, "configuration", config.peer_places[i], "[[peer]] " + printable(p.name) + ": store is the address of our own key store",
                   "store is that of the other site"});
    }
  }
  return {};
}

}  // namespace tlspool::config
