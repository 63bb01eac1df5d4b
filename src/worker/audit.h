// SPDX-License-Identifier: Apache-2.0
// One line for each session when it has ended, for each handshake that was refused, and for each key exchange (docs/observability.md has
// the fields).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "counters/page.h"
#include "wire/audit_setup.h"
#include "worker/diagnosis.h"

namespace tlspool::worker {

class Handshake;
class Session;
struct ExchangeRequest;

/// What became of a key exchange.
enum class ExchangeOutcome { finished, failed, cancelled, expired };
struct ExchangeEnd {
  ExchangeOutcome outcome = ExchangeOutcome::failed;
  std::string id;
  std::string message_id;             ///< hex, the same on both sides; empty: there was no message yet
  int step = 0;                       ///< of our last message
  const authz::Caller& caller;
  const ExchangeRequest& request;
  const Connection* connection;       ///< null: it did not come so far
  SSL* ssl;                           ///< likewise
  std::string remote_pin;
  std::chrono::nanoseconds length{};  ///< since it was started
  const HandshakeFailure* failure;    ///< null: none
};

class Audit {
 public:
  /// May come again. `out`: the file or the socket, where `setup` names one.
  void set(wire::AuditSetup setup, UniqueFd out);
  /// Whether lines go anywhere; without, nothing need be noted for them.
  [[nodiscard]] bool wanted() const;

  void session_ended(Session& session);
  /// `ssl` may be null.
  void refused(const Connection& connection, const SSL* ssl, const HandshakeFailure& failure, counters::Clock::duration took);
  /// The program left before it ended.
  void left(const Handshake& handshake);
  /// Before a handshake: the program may not use the identity.
  void identity_refused(const authz::Caller& caller, const std::string& identity, const std::string& role);
  void exchange_ended(const ExchangeEnd& end);
  /// As identity_refused(), for a key exchange.
  void exchange_refused(const authz::Caller& caller, const ExchangeRequest& request);

 private:
  using Line = std::vector<log::Field>;
  void write(std::string_view event, const Line& line);
  void lose(const char* why);

  wire::AuditSetup setup_;
  UniqueFd out_;
  bool complained_ = false;
};

}  // namespace tlspool::worker
