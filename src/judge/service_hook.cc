// SPDX-License-Identifier: Apache-2.0
#include "judge/service_hook.h"

#include <algorithm>

#include "base/text.h"
#include "base/url.h"

namespace tlspool::judge {
namespace {

std::chrono::milliseconds left(std::chrono::steady_clock::time_point deadline) {
  const auto out = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(out, std::chrono::milliseconds(1));
}

}  // namespace

Result<authz::HookAnswer> read_reply(const Result<HttpReply>& reply, const std::string& hook) {
  const auto wrong = [&](Code code, std::string reason) { return fail({code, "hook", hook, std::move(reason), {}}); };
  if (!reply) return wrong(reply.error().code, reply.error().reason);
  if (reply->status != 200) return wrong(Code::protocol, "the service answered with the HTTP status " + std::to_string(reply->status));
  auto answer = authz::parse_hook_answer(text_of(reply->body), std::nullopt);
  if (!answer) return wrong(Code::protocol, "its answer can't be used: " + answer.error().reason);
  return answer;
}

ServiceHook::ServiceHook(Loop& loop, const wire::HookSetup& setup, std::shared_ptr<TlsLinks> links)
    : loop_(loop), setup_(setup), links_(std::move(links)), http_(loop, connections) {
  if (const auto url = parse_https_url(setup.url)) target_ = TlsTarget{url->host, url->port, setup.identity};
}

ServiceHook::~ServiceHook() {
  *alive_ = false;
  for (auto& [number, question] : std::exchange(questions_, {})) {
    question.on_answer(fail({Code::closed, "hook", setup_.name, "it was taken out of the configuration while it was asked", {}}));
  }
}

Hook::Cancel ServiceHook::ask(const authz::Facts& facts, OnAnswer on_answer) {
  const std::uint64_t number = ++last_;
  Question& question = questions_[number];
  question.on_answer = std::move(on_answer);
  question.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(setup_.deadline_ms);
  HttpRequest& request = question.request;
  // What goes through the plaintext side of TLS is plain HTTP, with the host that was meant.
  request.url = target_ ? "http" + setup_.url.substr(5) : setup_.url;
  request.body = copy_of(view(authz::hook_question(facts, std::nullopt)));
  request.headers = {"Content-Type: application/json", "Accept: application/json"};
  request.most_bytes = authz::longest_answer;
  request.deadline = std::chrono::milliseconds(setup_.deadline_ms);
  request.unix_socket = setup_.socket;
  if (target_) {
    send_by_tls(number, Over::kept, {});
  } else {
    question.cancel = http_.send(std::move(request), [this, number](Result<HttpReply> reply) { replied(number, std::move(reply)); });
  }
  return [this, number, alive = std::weak_ptr<bool>(alive_)] {
    const auto here = alive.lock();
    if (!here || !*here) return;
    if (auto gone = questions_.extract(number); gone && gone.mapped().cancel) gone.mapped().cancel();
  };
}

// Over a connection from before, if there is one; else, or where that one has ended meanwhile, over a new one.
void ServiceHook::send_by_tls(std::uint64_t number, Over over, UniqueFd socket) {
  Question& question = questions_.at(number);
  HttpRequest request = question.request;
  request.deadline = left(question.deadline);
  request.socket = [given = std::make_shared<UniqueFd>(std::move(socket))] { return std::move(*given); };
  question.cancel = http_.send(std::move(request), [this, number, over](Result<HttpReply> reply) {
    if (over == Over::kept && !reply && reply.error().code == Code::closed) return dial(number);
    replied(number, std::move(reply));
  });
}

void ServiceHook::dial(std::uint64_t number) {
  Question& question = questions_.at(number);
  question.cancel = nullptr;
  const auto end = [this, number](Error error) { replied(number, fail(std::move(error))); };
  question.timer = std::make_unique<Timer>(loop_);
  question.timer->start(left(question.deadline), [this, end] {
    end({Code::timeout, "connect", setup_.name, "no connection within " + std::to_string(setup_.deadline_ms) + " ms", {}});
  });
  question.dial = std::make_unique<TlsDial>(loop_, links_, *target_, question.deadline);
  question.dial->start([this, number, end](Result<UniqueFd> made) {
    Question& dialled = questions_.at(number);
    dialled.timer.reset();
    const auto gone = std::move(dialled.dial);  // it is in the middle of this call
    if (!made) return end(std::move(made.error()));
    send_by_tls(number, Over::fresh, std::move(*made));
  });
}

void ServiceHook::replied(std::uint64_t number, Result<HttpReply> reply) {
  const auto question = questions_.extract(number);
  if (!question.empty()) question.mapped().on_answer(read_reply(reply, setup_.name));
}

}  // namespace tlspool::judge
