// SPDX-License-Identifier: Apache-2.0
#include "qkd/keys.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "base/secret.h"
#include "cli/admin.h"

namespace tlspool::qkd {
namespace {

using wire::KeyAdminKind;

constexpr timeval patience{120, 0};  // a slow token with a batch of keys

}  // namespace

Result<Keys> Keys::open(const config::Paths& paths) {
  auto reply = cli::call_admin(paths, "OpenKeys");
  if (!reply) return fail(std::move(reply.error()));
  if (reply->descriptors.size() != 1) {
    return fail({Code::protocol, "OpenKeys", paths.admin_socket(), "no way to the keeper came back", {}});
  }
  UniqueFd socket = std::move(reply->descriptors.front());
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return Keys(std::move(socket));
}

Result<Frame> Keys::ask(KeyAdminKind kind, Bytes body, KeyAdminKind expected) {
  Frame request{static_cast<std::uint16_t>(kind), ++number_, std::move(body), {}};
  const Status sent = send_frame(socket_.get(), request);
  wipe(request.body);
  if (!sent) return fail({Code::closed, "shared keys", "keeper", sent.error().reason, "look at tlspoold's log"});
  auto answer = receive_frame(socket_.get());
  if (!answer) return fail({answer.error().code, "shared keys", "keeper", answer.error().reason, "look at tlspoold's log"});
  if (answer->kind == static_cast<std::uint16_t>(KeyAdminKind::key_failed)) {
    const auto failure = wire::decode<wire::Failure>(answer->body);
    return fail(failure ? wire::error_of(*failure) : failure.error());
  }
  if (answer->kind != static_cast<std::uint16_t>(expected) || answer->number != number_) {
    return fail({Code::protocol, "shared keys", "keeper", "an answer to something else", {}});
  }
  return answer;
}

Result<wire::Deposited> Keys::deposit(wire::Deposit keys) {
  auto answer = ask(KeyAdminKind::deposit, wire::encode(keys), KeyAdminKind::deposited);
  for (wire::NumberedKey& key : keys.keys) wipe(key.key);
  if (!answer) return fail(std::move(answer.error()));
  return wire::decode<wire::Deposited>(answer->body);
}

Result<std::vector<wire::KeyCount>> Keys::counts() {
  auto answer = ask(KeyAdminKind::key_status, {}, KeyAdminKind::key_counted);
  if (!answer) return fail(std::move(answer.error()));
  auto counted = wire::decode<wire::KeyCounted>(answer->body);
  if (!counted) return fail(std::move(counted.error()));
  return std::move(counted->rows);
}

Result<std::vector<wire::AuditRow>> Keys::audit(const std::string& peer, ByteView nonce) {
  auto answer = ask(KeyAdminKind::audit, wire::encode(wire::Audit{peer, copy_of(nonce)}), KeyAdminKind::audited);
  if (!answer) return fail(std::move(answer.error()));
  auto audited = wire::decode<wire::Audited>(answer->body);
  if (!audited) return fail(std::move(audited.error()));
  return std::move(audited->rows);
}

}  // namespace tlspool::qkd
