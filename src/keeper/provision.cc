// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <csignal>

#include "base/log.h"
#include "keeper/certificates.h"
#include "keeper/check.h"
#include "keeper/environment.h"
#include "keeper/main.h"
#include "keeper/make_token.h"

namespace tlspool::keeper {
namespace {

using wire::ProvisionKind;

Frame answer_of(ProvisionKind kind, Bytes body) { return {kind, 0, std::move(body), {}}; }

Frame failure(const Error& e) { return answer_of(ProvisionKind::failed, wire::encode(wire::failure_of(e))); }

template <class Request, class Act>
Frame act_on(const Frame& frame, ProvisionKind answer, Act act) {
  auto request = wire::decode<Request>(frame.body);
  if (!request) return failure(request.error());
  auto outcome = act(*request);
  if (!outcome) return failure(outcome.error());
  return answer_of(answer, wire::encode(*outcome));
}

Frame answer_to(Modules& modules, const Frame& frame) {
  switch (static_cast<ProvisionKind>(frame.kind)) {
    case ProvisionKind::make_token:
      return act_on<wire::MakeToken>(frame, ProvisionKind::token_made, [&](auto& r) { return make_token(modules, r); });
    case ProvisionKind::make_key:
      return act_on<wire::MakeKey>(frame, ProvisionKind::key_made, [&](auto& r) { return make_key(modules, r); });
    case ProvisionKind::make_authority:
      return act_on<wire::MakeAuthority>(frame, ProvisionKind::certificate_made,
                                         [&](auto& r) { return make_authority(modules, r); });
    case ProvisionKind::issue:
      return act_on<wire::IssueCertificate>(frame, ProvisionKind::certificate_made,
                                            [&](auto& r) { return issue(modules, r); });
    case ProvisionKind::list_keys:
      return act_on<wire::ListKeys>(frame, ProvisionKind::keys_listed, [&](auto& r) { return list_keys(modules, r); });
    case ProvisionKind::check:
      return act_on<wire::CheckToken>(frame, ProvisionKind::checked, [&](auto& r) -> Result<wire::Checked> {
        return check_token(modules, r);
      });
    case ProvisionKind::token_made:
    case ProvisionKind::key_made:
    case ProvisionKind::certificate_made:
    case ProvisionKind::keys_listed:
    case ProvisionKind::checked:
    case ProvisionKind::failed:
      break;
  }
  return failure({Code::protocol, "provision", "", "an unknown request", {}});
}

}  // namespace

int provision(int channel) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  const UniqueFd socket{channel};
  if (auto done = refuse_dumps(); !done) {
    log::error("provision.not_started", {{"problem", done.error().text()}});
    return 1;
  }
  make_blocking(channel);
  umask(022);
  if (auto done = receive_log_setup(channel); !done) {
    log::error("provision.not_started", {{"problem", done.error().text()}});
    return 1;
  }
  use_own_softhsm();
  Modules modules;
  while (true) {
    auto frame = receive_frame(channel);
    if (!frame) return frame.error().code == Code::closed ? 0 : 1;
    Frame answer = answer_to(modules, *frame);
    answer.number = frame->number;
    if (auto sent = send_frame(channel, answer); !sent) return 1;
  }
}

}  // namespace tlspool::keeper
