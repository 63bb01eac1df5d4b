// SPDX-License-Identifier: Apache-2.0
#include "supervisor/judge_calls.h"

namespace tlspool::supervisor {
namespace {

wire::JudgeAdminAnswer problem(std::string text) {
  wire::JudgeAdminAnswer out;
  out.problem = std::move(text);
  return out;
}

}  // namespace

void JudgeCalls::ask(Child& judge, const wire::JudgeAdmin& request, Done done) {
  const std::uint64_t number = ++last_;
  Waiting& waiting = waiting_[number];
  waiting.done = std::move(done);
  waiting.timer = std::make_unique<Timer>(loop_);
  const bool ready = judge.phase() == Child::Phase::ready;
  if (ready) judge.send(wire::Kind::judge_admin, request, number);
  waiting.timer->start(ready ? deadline : std::chrono::seconds(0), [this, number, ready] {
    finish(number, problem(ready ? "the judge does not answer; look at tlspoold's log" : "the judge is being started again; try again in a moment"));
  });
}

void JudgeCalls::answered(const Frame& frame) {
  auto answer = wire::decode<wire::JudgeAdminAnswer>(frame.body);
  finish(frame.number, answer ? std::move(*answer) : problem("the judge's answer could not be read"));
}

void JudgeCalls::lost() {
  while (!waiting_.empty()) finish(waiting_.begin()->first, problem("the judge has ended, and it is not certain whether it has done this; try again in a moment"));
}

void JudgeCalls::finish(std::uint64_t number, wire::JudgeAdminAnswer answer) {
  auto node = waiting_.extract(number);
  if (!node.empty()) node.mapped().done(std::move(answer));
}

}  // namespace tlspool::supervisor
