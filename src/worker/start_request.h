// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/ipc.h"
#include "wire/json.h"

namespace tlspool::worker {

/// Whether the peer must prove an identity. A proof that is wrong is refused in either of the first two.
enum class Proof { required, optional, none };

/// A StartTLS call, parsed once; nothing below sees the JSON.
struct StartRequest {
  std::uint8_t roles = wire::role_client;  ///< RoleBits: what this side may become, given what the peer may be
  bool peer_to_peer = false;               ///< a tie-breaker decides, or may have to
  bool speaks_first = true;                ///< peer-to-peer: the peer may be a server, so a hello is sent to it
  std::optional<std::chrono::milliseconds> hello_delay;  ///< peer-to-peer: as the request says
  std::size_t network = 0;               ///< index of the socket to protect
  std::optional<std::size_t> plaintext;  ///< index of the plain socket; none: the pool makes a pair
  std::string local_identity;            ///< normalised; empty: by SNI (server) or none (client)
  std::string remote_identity;           ///< normalised; empty: any
  Proof proof = Proof::required;
  std::string server_name;               ///< SNI to send; empty: none
  Bytes alpn;                            ///< wire form of RFC 7301; empty: none
  std::string service;
  bool tls13_only = false;
  // For key exchanges alone, see exchange.h:
  bool resumption = true;                ///< offer and give tickets
  Bytes pin;                             ///< SHA-256 of the peer's SPKI, which then need no anchor; empty: none
  bool first_contact = false;            ///< a chain that leads to no anchor is accepted, and said to prove nothing
  bool require_shared_key = false;       ///< nothing but a key of a [[peer]] will do
  bool explain = false;                  ///< the judge says how it comes to its verdict
  bool fresh = false;                    ///< no remembered outcome will do
  std::chrono::milliseconds deadline{30000};
  std::chrono::milliseconds agent_patience{600000};  ///< how long the user's agent may take, if the deadline leaves that much

  bool operator==(const StartRequest&) const = default;
};

/// `parameters` already fit the interface. Error: Code::invalid, subject = the parameter at fault.
[[nodiscard]] Result<StartRequest> parse_start(const wire::Value& parameters, std::chrono::milliseconds default_deadline);

/// Every descriptor is named exactly once and none is superfluous; all are what StartTLS can use.
/// Error: Code::invalid, text for BadDescriptor.
[[nodiscard]] Status check_descriptors(const StartRequest& request, const std::vector<int>& descriptors);

}  // namespace tlspool::worker
