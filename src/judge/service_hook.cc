// SPDX-License-Identifier: Apache-2.0
#include "judge/service_hook.h"

#include "base/text.h"

namespace tlspool::judge {

Result<authz::HookAnswer> read_reply(const Result<HttpReply>& reply, const std::string& hook) {
  const auto wrong = [&](Code code, std::string reason) { return fail({code, "hook", hook, std::move(reason), {}}); };
  if (!reply) return wrong(reply.error().code, reply.error().reason);
  if (reply->status != 200) return wrong(Code::protocol, "the service answered with the HTTP status " + std::to_string(reply->status));
  auto answer = authz::parse_hook_answer(text_of(reply->body), std::nullopt);
  if (!answer) return wrong(Code::protocol, "its answer can't be used: " + answer.error().reason);
  return answer;
}

ServiceHook::~ServiceHook() {
  *alive_ = false;
  for (auto& [number, question] : std::exchange(questions_, {})) {
    question.on_answer(fail({Code::closed, "hook", setup_.name, "it was taken out of the configuration while it was asked", {}}));
  }
}

Hook::Cancel ServiceHook::ask(const authz::Facts& facts, OnAnswer on_answer) {
  const std::uint64_t number = ++last_;
  HttpRequest request;
  request.url = setup_.url;
  request.body = copy_of(view(authz::hook_question(facts, std::nullopt)));
  request.headers = {"Content-Type: application/json", "Accept: application/json"};
  request.most_bytes = authz::longest_answer;
  request.deadline = std::chrono::milliseconds(setup_.deadline_ms);
  request.unix_socket = setup_.socket;
  Question& question = questions_[number];
  question.on_answer = std::move(on_answer);
  question.cancel = http_.send(std::move(request), [this, number](Result<HttpReply> reply) { replied(number, std::move(reply)); });
  return [this, number, alive = std::weak_ptr<bool>(alive_)] {
    const auto here = alive.lock();
    if (!here || !*here) return;
    if (auto gone = questions_.extract(number)) gone.mapped().cancel();
  };
}

void ServiceHook::replied(std::uint64_t number, Result<HttpReply> reply) {
  const auto question = questions_.extract(number);
  if (!question.empty()) question.mapped().on_answer(read_reply(reply, setup_.name));
}

}  // namespace tlspool::judge
