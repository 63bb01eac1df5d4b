// SPDX-License-Identifier: Apache-2.0
// The calls of a program that has many pairs of sockets joined in the same way.
#include "base/log.h"
#include "wire/varlink.h"
#include "worker/control.h"
#include "worker/forwarder.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

constexpr std::chrono::seconds longest_leaving{60};

}  // namespace

void Control::forward(const wire::Call& call, std::vector<UniqueFd>&) {
  const wire::WorkerSetup& setup = worker_.policy().setup();
  const std::int64_t worker = call.parameters.number("worker", 0);
  if (worker < 0 || worker >= setup.count) return answer(invalid_parameter("worker"));
  if (!call.more) return answer(wire::error_text("org.varlink.service.ExpectedMore"));
  wire::Value parameters = call.parameters;
  parameters.set("fileDescriptor", 0).set("plaintextFileDescriptor", 1);
  auto request = parse_start(parameters, worker_.default_deadline());
  if (!request) return answer(invalid_parameter(request.error().subject));
  const auto may_now = [this](const Policy& policy, const StartRequest& wanted, const authz::Caller& who) { return may(policy, wanted, who); };
  const auto tell = [this](wire::Value what) { connection_->send(wire::reply_text(std::move(what), wire::Reply::continues)); };
  forwarder_ = std::make_unique<Forwarder>(worker_, credentials_, std::move(*request), may_now, tell);
  tell(wire::Value::object().set("workers", setup.count).set("established", wire::Value::array()).set("failed", wire::Value::array()));
}

// A connection that forwards is the program's to end: it may have passed something that was not read yet. But who does not leave must
// not go on by rules that may have changed. An agent connects anew.
UniqueFd Control::retire(std::chrono::milliseconds since) {
  if (forwarder_ && !std::exchange(told_to_leave_, true)) forwarder_->leave();
  if (watching_ || (forwarder_ && since > longest_leaving)) {
    on_gone_();
    return {};
  }
  if (forwarder_ || !connection_->between_calls() || handshake_ || executable_query_ != 0 || judge_query_ != 0) return {};
  Bytes unread;
  UniqueFd out = connection_->release(unread);
  on_gone_();
  return out;
}

// On a connection that forwards each Pass is taken by forward_message().
void Control::pass(const wire::Call&, std::vector<UniqueFd>&) {
  answer(wire::error_text("org.varlink.service.PermissionDenied", wire::Value::object()));
}

// Whoever calls Pass says the same each time; it is parsed once.
void Control::forward_message(const std::string& text, std::vector<UniqueFd> descriptors) {
  if (text != pass_text_) {
    const auto call = wire::parse_call(text);
    const bool good = call && call->oneway && call->method == "Pass" && !wire::answer_common(*call, wire::pool_interface(), TLSPOOL_VERSION) &&
                      call->parameters.number("fileDescriptor", -1) == 0 && call->parameters.number("plaintextFileDescriptor", -1) == 1;
    if (!good) {
      log::warning("control.malformed", {{"uid", std::to_string(credentials_.uid)},
                                         {"pid", std::to_string(credentials_.pid)},
                                         {"problem", "after Forward something else than a oneway Pass of descriptors 0 and 1"}});
      connection_->pause();
      return on_gone_();
    }
    pass_text_ = text;
  }
  forwarder_->pass(std::move(descriptors));
}

}  // namespace tlspool::worker
