// SPDX-License-Identifier: Apache-2.0
// How the tables of shared keys fit to each other and to the rest of the configuration.
#include <algorithm>

#include "base/text.h"
#include "config/peers.h"

namespace tlspool::config {
namespace {

using wire::IdentityForm;
using wire::IdForm;
using wire::KeySource;
using wire::KeyUse;
using wire::PeerSetup;

tl::unexpected<Error> wrong(const Place& place, std::string_view key, std::string reason, std::string advice = {}) {
  return fail(mistake(place.file, place.of(key), std::move(reason), std::move(advice)));
}

template <class List>
std::string known_here(const List& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "known here: " : ", ") + item.name;
  return out;
}

template <class List>
auto named(const List& list, const std::string& name) {
  return std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
}

std::string where(const Place& place, std::string_view key) { return at_line(place.file, place.of(key)); }

/// Whether identities of this peer's connections name a key store.
bool names_stores(const PeerSetup& peer) { return peer.use == KeyUse::psk && peer.identity_form != IdentityForm::text; }

/// Bytes of a value in an identity: what is not plain there is percent-encoded.
std::size_t encoded_size(std::string_view text) {
  std::size_t out = 0;
  for (const char c : text) out += is_unreserved(c) ? 1 : 3;
  return out;
}

/// Bytes that the longest identity has that we would send. Of text ids it is not known: the keeper looks at each.
std::size_t longest_sent(const PeerSetup& peer) {
  constexpr std::string_view frame = "pkcs11:object=;id=";
  constexpr std::string_view derived = ";derived=hmac-sha256";
  const bool raw = peer.identity_form == IdentityForm::pkcs11;
  std::size_t id = 1;
  switch (peer.id_form) {
    case IdForm::number: id = raw ? 8 * 3 : 20; break;
    case IdForm::uuid: id = raw ? 16 * 3 : 36; break;
    case IdForm::brief: id = raw ? 2 * 3 : 5; break;
    case IdForm::text: id = peer.source == KeySource::psk ? encoded_size(peer.psk) : 1; break;
  }
  return frame.size() - (raw ? 0 : 2) + encoded_size(peer.address) + id + (peer.mode == wire::KeyMode::derived ? derived.size() : 0);
}

}  // namespace

Status SharedKeyTables::finish(Config& config) {
  for (const Kme& kme : kmes_) {
    if (auto done = check_kme(kme, config); !done) return done;
    config.kmes.push_back(kme.setup);
  }
  for (Peer& peer : peers_) {
    if (auto done = fill_token(peer, config); !done) return done;
    if (auto done = fill_address(peer); !done) return done;
    if (auto done = check_references(peer, config); !done) return done;
    if (auto done = check_unique(peer, config); !done) return done;
    config.peers.push_back(peer.setup);
  }
  for (const Peer& peer : peers_) {
    if (auto done = check_reflection(peer); !done) return done;
  }
  return {};
}

Status SharedKeyTables::check_kme(const Kme& kme, const Config& config) const {
  const wire::KmeSetup& m = kme.setup;
  if (named(config.kmes, m.name) != config.kmes.end()) {
    return wrong(kme.place, "name", "[[kme]] \"" + printable(m.name) + "\" is there twice");
  }
  const auto identity = named(config.identities, m.identity);
  if (identity == config.identities.end()) {
    return wrong(kme.place, "identity", "there is no [[identity]] " + printable(m.identity), known_here(config.identities));
  }
  if ((identity->roles & wire::role_client) == 0) {
    return wrong(kme.place, "identity", "identity " + printable(m.identity) + " may not be a client", "add \"client\" to its role");
  }
  return {};
}

Status SharedKeyTables::fill_token(Peer& peer, const Config& config) const {
  PeerSetup& m = peer.setup;
  if (m.source == KeySource::kme) return {};
  if (config.tokens.empty()) {
    return wrong(peer.place, "name", "no [[token]] is configured that could hold the keys of peer " + printable(m.name),
                 "add a [[token]] to tlspool.toml");
  }
  if (m.token.empty()) m.token = config.tokens.front().name;
  if (named(config.tokens, m.token) == config.tokens.end()) {
    return wrong(peer.place, "token", "there is no [[token]] named \"" + printable(m.token) + "\"", known_here(config.tokens));
  }
  return {};
}

Status SharedKeyTables::fill_address(Peer& peer) const {
  PeerSetup& m = peer.setup;
  if (m.address.empty()) m.address = address_;
  if (!names_stores(m)) return {};
  if (m.address.empty()) {
    return wrong(peer.place, "address", "peer " + printable(m.name) + " needs the address of our own key store: the identities that we send name it",
                 "add [keystore] address = \"...\" to tlspool.toml, or an address here");
  }
  if (const std::size_t size = longest_sent(m); size > m.longest_identity) {
    return wrong(peer.place, "address", "identities for peer " + printable(m.name) + " would have " + std::to_string(size) +
                 " bytes, more than longest_identity, " + std::to_string(m.longest_identity), "take a shorter address, or raise longest_identity");
  }
  return {};
}

Status SharedKeyTables::check_references(const Peer& peer, const Config& config) const {
  const PeerSetup& m = peer.setup;
  if (!m.kme.empty() && named(config.kmes, m.kme) == config.kmes.end()) {
    return wrong(peer.place, "kme", "there is no [[kme]] named \"" + printable(m.kme) + "\"", known_here(config.kmes));
  }
  if (!m.tls13 && !config.tls12) {
    return wrong(peer.place, "version", "peer " + printable(m.name) + " is for TLS 1.2, which [pool] minimum_version = \"1.3\" forbids");
  }
  return {};
}

Status SharedKeyTables::check_unique(const Peer& peer, const Config& config) const {
  const PeerSetup& m = peer.setup;
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    const PeerSetup& other = config.peers[i];
    const Place& place = peers_[i].place;
    if (other.name == m.name) {
      return wrong(peer.place, "name", "[[peer]] " + printable(m.name) + " is there twice", "the other is at " + where(place, "name"));
    }
    // An identity names the store alone, whatever the token.
    if (names_stores(m) && names_stores(other) && other.store == m.store) {
      return wrong(peer.place, "store", "the key store " + printable(m.store) + " is that of peer " + printable(other.name) + ", too",
                   "give each peer a store of its own: a key must prove one name; the other is at " + where(place, "store"));
    }
    const bool server = (m.roles & other.roles & wire::role_server) != 0;
    if (!m.identity.empty() && other.identity == m.identity && server) {
      return wrong(peer.place, "identity", "the identity is that of peer " + printable(other.name) + ", too",
                   "the other is at " + where(place, "identity"));
    }
  }
  return {};
}

Status SharedKeyTables::check_reflection(const Peer& peer) const {
  const PeerSetup& m = peer.setup;
  if (!names_stores(m)) return {};
  const auto is_ours = [&](const Peer& p) { return names_stores(p.setup) && p.setup.address == m.store; };
  if (std::none_of(peers_.begin(), peers_.end(), is_ours)) return {};
  return wrong(peer.place, "store", "the key store of peer " + printable(m.name) + ", " + printable(m.store) + ", is our own",
               "store is the address of the other site's key store, address that of ours");
}

}  // namespace tlspool::config
