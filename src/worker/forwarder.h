// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker/handshake.h"
#include "worker/start_request.h"
#include "worker/worker.h"

namespace tlspool::worker {

/// What a control connection becomes by the call Forward: each Pass brings two sockets, on which TLS is started as the one request says, and
/// what came of them is told by numbers, several together. A connection of its own for each handshake, its parsing, its facts and an answer at
/// once would take as much CPU as a fifth of a resumed handshake.
class Forwarder {
 public:
  /// Whether the program may do what the request wants, by a policy that may have changed since it asked.
  using May = std::function<bool(const Policy& policy, const StartRequest& request, const authz::Caller& caller)>;
  using Tell = std::function<void(wire::Value parameters)>;

  /// `request` names its descriptors by 0 and 1.
  Forwarder(Worker& worker, PeerCredentials credentials, StartRequest request, May may, Tell tell);
  /// Handshakes that are not done are given up; sessions stay.
  ~Forwarder();
  void pass(std::vector<UniqueFd> descriptors);
  /// Tells the program to pass no more here: another pool is there for it.
  void leave();

 private:
  struct Passage {
    UniqueFd network;
    UniqueFd plain;
    bool admitted = false;  ///< counts as a handshake under way, also while the executable is asked for
    std::uint64_t executable_query = 0;
    std::unique_ptr<Handshake> handshake;
  };
  void begin(std::uint64_t number, std::string executable);
  void done(std::uint64_t number, const HandshakeFailure* failure);
  /// Ends the passage.
  void fail(std::uint64_t number, std::string message);
  Passage take(std::uint64_t number);
  void report_soon();

  Worker& worker_;
  const PeerCredentials credentials_;
  const StartRequest request_;
  const May may_;
  const Tell tell_;
  Timer report_;
  bool report_due_ = false;
  std::uint64_t next_ = 0;
  std::unordered_map<std::uint64_t, Passage> passages_;
  wire::Value established_ = wire::Value::array();
  wire::Value failed_ = wire::Value::array();
};

}  // namespace tlspool::worker
