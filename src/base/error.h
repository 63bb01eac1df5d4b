// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <tl/expected.hpp>

namespace tlspool {

/// What kind of thing went wrong; callers branch on it, users never see the word itself.
enum class Code {
  invalid,         ///< the caller gave something malformed
  not_found,       ///< the named thing does not exist
  denied,          ///< it exists, but this caller may not
  busy,            ///< a limit is reached; later may work
  timeout,         ///< a deadline passed
  io,              ///< a system call failed
  closed,          ///< the other side went away
  protocol,        ///< bytes that are not what the protocol says
  config,          ///< the configuration is wrong
  token_missing,   ///< no such PKCS#11 token, module or object
  token_locked,    ///< the token waits for its PIN
  pin_rejected,    ///< the token refused the PIN
  token_failed,    ///< a PKCS#11 call failed for another reason
  certificate,     ///< a certificate or chain was refused
  policy,          ///< a rule refused
  tls,             ///< the TLS handshake or record layer failed
  internal,        ///< a defect of ours
};

/// Says what failed, on what, why, and what to do. No field ever holds a secret.
struct Error {
  Code code = Code::internal;
  std::string operation;  ///< what was tried: "C_Login", "connect", "parse tlspool.toml"
  std::string subject;    ///< on what: "token=office", "127.0.0.1:443", "line 12"
  std::string reason;     ///< why it failed: "CKR_PIN_INCORRECT", "Connection refused"
  std::string advice;     ///< what the user can do; may be empty

  /// One line for people: `operation: subject: reason; advice`, empty parts left out.
  [[nodiscard]] std::string text() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// An Error of code io whose reason is strerror(number).
[[nodiscard]] Error system_error(std::string operation, std::string subject, int number);

}  // namespace tlspool
