// SPDX-License-Identifier: Apache-2.0
// The configuration's [[disclosure]] tables as they go to the workers.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wire/codec.h"
#include "wire/policy.h"

namespace tlspool::wire {

/// What a rule says. The smaller, the more careful.
enum class Show : std::uint8_t {
  no,
  ask,  ///< the user's agent; no, where there is none
  yes,
};

/// What a program asked to be, as bits: in a peer-to-peer connection a peer, whatever TLS makes of it.
enum StandingBits : std::uint8_t { as_client = 1, as_server = 2, as_peer = 4 };

/// One [[disclosure]]: which identities of ours may be shown to which peers.
struct DisclosureSetup {
  PlacedText local;    ///< selector of our identity
  PlacedText remote;   ///< selector of the peer's identity
  PlacedText service;
  std::vector<std::uint32_t> uids;  ///< whose programs; none: everybody's
  std::uint8_t standings = as_client | as_peer;  ///< StandingBits
  Show show = Show::no;
  bool offer = false;  ///< the identity `local` is shown also where the program named none
  std::string file;
  std::uint32_t line = 0;
};
template <class Io> void fields(Io& io, DisclosureSetup& m) {
  io(m.local, m.remote, m.service, m.uids, m.standings, m.show, m.offer, m.file, m.line);
}

}  // namespace tlspool::wire
