// SPDX-License-Identifier: Apache-2.0
// One line for each session when it has ended, and for each handshake that was refused (docs/observability.md has the fields).
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

 private:
  using Line = std::vector<log::Field>;
  void write(const Line& line);
  void lose(const char* why);

  wire::AuditSetup setup_;
  UniqueFd out_;
  bool complained_ = false;
};

}  // namespace tlspool::worker
