// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "wire/ipc.h"
#include "worker/connection.h"

namespace tlspool::worker {

/// The parameters of io.tlspool.Pool.HandshakeFailed. Empty texts become null.
struct HandshakeFailure {
  std::string reason;  ///< timeout, alert, certificate, policy, token, sharedKey, transport
  std::string message;
  std::string check;
  std::string certificate;
  std::string alert_sent;
  std::string alert_received;
  bool socket_usable = false;
  std::string explanation;  ///< the judge's, where the request wanted one
};

/// What is known when OpenSSL gives a handshake up.
struct Diagnosis {
  const Connection& connection;
  const std::string& token_problem;     ///< empty: the keeper was not at fault
  const wire::ChainVerdict& verdict;    ///< with a check and a reason: the judge refused
  int ssl_error = 0;                    ///< SSL_ERROR_*
  int system_error = 0;                 ///< errno
  int openssl_reason = 0;               ///< SSL_R_*; 0: the error is not libssl's
  std::string openssl_text;
};

/// Pure: one reason, and one message that says what failed, on what, and what to do.
[[nodiscard]] HandshakeFailure diagnose(const Diagnosis& d);

/// The line handshake.failed of the log.
void log_failure(const Connection& connection, const HandshakeFailure& failure);

}  // namespace tlspool::worker
