// SPDX-License-Identifier: Apache-2.0
#include "cli/key_admin.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "cli/admin.h"
#include "loop/channel.h"

namespace tlspool::cli {
namespace {

using wire::KeyAdminKind;

tl::unexpected<Error> broken(const Error& cause) {
  return fail({cause.code, "shared keys", "keeper", cause.reason, "look at tlspoold's log"});
}

}  // namespace

Result<KeyAdmin> KeyAdmin::open(const config::Paths& paths, std::chrono::seconds patience) {
  auto reply = call_admin(paths, "OpenKeys");
  if (!reply) return fail(std::move(reply.error()));
  if (reply->descriptors.size() != 1) {
    return fail({Code::protocol, "OpenKeys", paths.admin_socket(), "no way to the keeper came back", "see the daemon's log"});
  }
  UniqueFd socket = std::move(reply->descriptors.front());
  const timeval limit{patience.count(), 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return KeyAdmin(std::move(socket));
}

Result<Bytes> KeyAdmin::ask(KeyAdminKind kind, Bytes body, KeyAdminKind expected) {
  Frame request{kind, ++number_, std::move(body), {}};
  const Status sent = send_frame(socket_.get(), request);
  wipe(request.body);
  // A keeper that could not be reached said so before it closed.
  auto answer = receive_frame(socket_.get());
  if (!answer) return broken(sent ? answer.error() : sent.error());
  if (answer->kind == KeyAdminKind::key_failed) {
    const auto failure = wire::decode<wire::Failure>(answer->body);
    return fail(failure ? wire::error_of(*failure) : failure.error());
  }
  if (answer->kind != expected || answer->number != number_) {
    wipe(answer->body);
    return fail({Code::protocol, "shared keys", "keeper", "an answer to something else", "are tlspool and tlspoold of one version?"});
  }
  return std::move(answer->body);
}

}  // namespace tlspool::cli
