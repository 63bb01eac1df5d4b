// SPDX-License-Identifier: Apache-2.0
// The calls of a user's agent (docs/disclosure.md).
#include "base/log.h"
#include "wire/varlink.h"
#include "worker/control.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

// An agent that has stopped reading costs no more memory than this.
constexpr std::size_t most_unread = 256;

}  // namespace

void Control::watch_disclosures(const wire::Call& call, std::vector<UniqueFd>&) {
  const wire::WorkerSetup& setup = worker_.policy().setup();
  const std::int64_t worker = call.parameters.number("worker", 0);
  if (worker < 0 || worker >= setup.count) return answer(invalid_parameter("worker"));
  if (!call.more) return answer(wire::error_text("org.varlink.service.ExpectedMore"));
  const auto tell = [this](wire::Value parameters) {
    if (connection_->unsent() >= most_unread) return false;
    connection_->send(wire::reply_text(std::move(parameters.set("workers", worker_.policy().setup().count)), wire::Reply::continues));
    return true;
  };
  if (const pid_t other = worker_.agents().watch(credentials_.uid, credentials_.pid, tell); other != 0) {
    return answer(pool_error("AgentPresent", wire::Value::object().set("pid", other)));
  }
  watching_ = true;
  connection_->pause();
  log::info("agent.came", {{"uid", std::to_string(credentials_.uid)}, {"pid", std::to_string(credentials_.pid)}});
  tell(wire::Value::object().set("question", nullptr).set("withdrawn", nullptr));
}

void Control::answer_disclosure(const wire::Call& call, std::vector<UniqueFd>&) {
  const std::string id = call.parameters.text("question");
  const auto answered = call.parameters.flag("show") ? Agents::Answer::show : Agents::Answer::refuse;
  if (!worker_.agents().answer(id, credentials_.uid, credentials_.pid, answered)) {
    return answer(pool_error("QuestionUnknown", wire::Value::object().set("question", id)));
  }
  answer(wire::reply_text(wire::Value::object()));
}

void Control::gone() {
  if (std::exchange(watching_, false)) {
    log::info("agent.left", {{"uid", std::to_string(credentials_.uid)}, {"pid", std::to_string(credentials_.pid)}});
    worker_.agents().leave(credentials_.uid);
  }
  on_gone_();
}

}  // namespace tlspool::worker
