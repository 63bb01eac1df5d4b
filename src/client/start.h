// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tlspool/tlspool.h"
#include "wire/varlink.h"

namespace tlspool::client {

/// What tlspool_error says, before it is cut to size.
struct Failure {
  tlspool_reason reason = TLSPOOL_REASON_PROTOCOL;
  int number = 0;
  bool socket_usable = false;
  std::string message;
  std::string check;
  std::string certificate;
  std::string alert_sent;
  std::string alert_received;
};
template <class T>
using Outcome = tl::expected<T, Failure>;
[[nodiscard]] inline tl::unexpected<Failure> refuse(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}

/// An option is wrong; nothing was sent.
[[nodiscard]] Failure bad_parameter(std::string message);
/// The pool answered something else than the interface says.
[[nodiscard]] Failure not_understood(std::string what = "not what the method promises");
/// An Error of a call. `number`: its errno, or 0; `untouched`: the pool can't have acted.
[[nodiscard]] Failure failure_of(const Error& error, int number, bool untouched);
/// An error answer.
[[nodiscard]] Failure failure_of(const wire::Answer& answer);

/// What deadline_ms 0 stands for. Sent with every call, so that library and pool give up at the same time.
inline constexpr int default_deadline_ms = 30'000;

/// tlspool_options with strings of its own.
struct StartOptions {
  std::string pool;
  std::optional<std::string> local_identity, remote_identity, server_name, service;
  std::vector<std::string> alpn;
  tlspool_proof remote_proof = TLSPOOL_PROOF_DEFAULT;
  tlspool_version minimum_version = TLSPOOL_VERSION_DEFAULT;
  int deadline_ms = 0;
  int plaintext_fd = -1;
  bool require_shared_key = false;
  std::optional<tlspool_role> remote_role;
  std::optional<int> hello_delay_ms;
};
/// Whether it is one of the roles that a side may play.
[[nodiscard]] bool is_role(int role);
/// Reads no further than options->size; NULL gives the defaults. Checks what a pool can't see.
[[nodiscard]] Outcome<StartOptions> copy_options(const tlspool_options* options);
/// The parameters of StartTLS: the socket is descriptor 0, the caller's plaintext side descriptor 1.
[[nodiscard]] wire::Value start_parameters(tlspool_role role, const StartOptions& options);

/// The Session of a StartTLS answer.
struct SessionFacts {
  std::string id;
  tlspool_role role = TLSPOOL_CLIENT;
  std::optional<std::string> local_identity, remote_identity, group, signature_algorithm, alpn;
  std::vector<std::string> remote_names;
  std::string verified_by, cipher_suite;
  tlspool_version version = TLSPOOL_VERSION_DEFAULT;
  bool resumed = false;
  std::optional<std::string> key_store, key_id;
  bool key_forward_secrecy = false;
  std::int64_t keys_left = -1;
  std::optional<std::string> not_shown;
  std::optional<std::string> alias;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> attributes;
};
/// std::nullopt where facts are missing, or hold a NUL that a C string would hide.
[[nodiscard]] std::optional<SessionFacts> session_facts(const wire::Value& session);

}  // namespace tlspool::client
