// SPDX-License-Identifier: Apache-2.0
// The tables of shared keys: [keystore], [[kme]] and [[peer]].
#pragma once
#include <string>
#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace tlspool::config {

/// The roles that a table gives; both where it names none. Stands in tables.cc.
void read_roles(Section& section, std::uint8_t& out);

/// Collects them from every file. What one table says is checked as it is read; how they fit to each other, and to the
/// tokens and identities, in finish().
class SharedKeyTables {
 public:
  void read_keystore(Section s);
  /// [[kme]] and [[peer]]
  void read_peers(Section& root);
  /// Fills Config::kmes and Config::peers, of which every default is now filled in. Stands in peers_check.cc.
  [[nodiscard]] Status finish(Config& config);

 private:
  struct Kme {
    wire::KmeSetup setup;
    Place place;
  };
  struct Peer {
    wire::PeerSetup setup;
    Place place;
  };

  void read_kme(Section s);
  void read_peer(Section s);
  [[nodiscard]] Status check_kme(const Kme& kme, const Config& config) const;
  [[nodiscard]] Status fill_token(Peer& peer, const Config& config) const;
  [[nodiscard]] Status fill_address(Peer& peer) const;
  [[nodiscard]] Status check_references(const Peer& peer, const Config& config) const;
  /// Whether the peers before it leave room for this one.
  [[nodiscard]] Status check_unique(const Peer& peer, const Config& config) const;
  [[nodiscard]] Status check_reflection(const Peer& peer) const;

  std::string address_;
  std::vector<Kme> kmes_;
  std::vector<Peer> peers_;
};

}  // namespace tlspool::config
