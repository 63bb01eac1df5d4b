// SPDX-License-Identifier: Apache-2.0
#include "judge/program_hook.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tlspool::judge {
namespace {

Error problem(const std::string& hook, Code code, std::string reason) { return {code, "hook", hook, std::move(reason), {}}; }

}  // namespace

ProgramHook::ProgramHook(Loop& loop, const wire::HookSetup& setup, OnFailed on_failed)
    : loop_(loop), name_(setup.name), deadline_(setup.deadline_ms), on_failed_(std::move(on_failed)), soon_(loop) {}

ProgramHook::~ProgramHook() {
  *alive_ = false;
  // Reloaded: other processes answer from now on, and whoever was asked about is refused.
  const auto gone = [this] { return fail(problem(name_, Code::closed, "it was taken out of the configuration while it was asked")); };
  auto processes = std::exchange(processes_, {});
  for (auto& [number, process] : processes) finish(std::move(process.question), gone());
  for (auto& question : std::exchange(waiting_, {})) finish(std::move(question), gone());
  for (auto& question : std::exchange(refused_, {})) finish(std::move(question), gone());
}

void ProgramHook::add(std::uint64_t process, UniqueFd socket) {
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  Process& added = processes_[process];
  added.socket = std::move(socket);
  added.poll = std::make_unique<Poll>(loop_, added.socket.get(), [this, process](int events) { ready(process, events); });
  added.poll->want(Poll::readable);
  give_out();
}

Hook::Cancel ProgramHook::ask(const authz::Facts& facts, OnAnswer on_answer) {
  auto question = std::make_unique<Question>();
  const std::uint64_t number = ++last_question_;
  question->number = number;
  question->on_answer = std::move(on_answer);
  if (waiting_.size() >= most_waiting) {
    refused_.push_back(std::move(question));
    soon_.start(std::chrono::milliseconds(0), [this] {
      for (auto& refused : std::exchange(refused_, {})) finish(std::move(refused), fail(problem(name_, Code::busy, "too many questions wait for its programs")));
    });
  } else {
    question->text = authz::hook_question(facts, number) + '\n';
    question->deadline = std::make_unique<Timer>(loop_);
    question->deadline->start(deadline_, [this, number] { expired(number); });
    waiting_.push_back(std::move(question));
    give_out();
  }
  return [this, number, alive = std::weak_ptr<bool>(alive_)] {
    if (const auto here = alive.lock(); here && *here) cancel(number);
  };
}

// To whoever has nothing to do.
void ProgramHook::give_out() {
  std::vector<std::uint64_t> idle;
  for (const auto& [number, process] : processes_) {
    if (!process.question) idle.push_back(number);
  }
  for (const std::uint64_t number : idle) {
    if (waiting_.empty()) return;
    processes_.at(number).question = std::move(waiting_.front());
    waiting_.pop_front();
    // Written when the loop says so: what is said in between would be no answer to it.
    processes_.at(number).poll->want(Poll::readable | Poll::writable);
  }
}

void ProgramHook::ready(std::uint64_t number, int events) {
  const auto alive = alive_;
  const auto still = [&] { return *alive && processes_.contains(number); };
  if ((events & (Poll::readable | Poll::hangup_only)) != 0) read_from(number);
  if (still() && (events & Poll::writable) != 0) write_to(number);
}

void ProgramHook::write_to(std::uint64_t number) {
  Process& process = processes_.at(number);
  std::string& text = process.question->text;
  while (!text.empty()) {
    const ssize_t n = send(process.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) return give_up(number, "it closed its input");
    text.erase(0, static_cast<std::size_t>(n));
  }
  process.poll->want(Poll::readable);
}

void ProgramHook::read_from(std::uint64_t number) {
  Process& process = processes_.at(number);
  std::array<char, 16 * 1024> room;
  while (true) {
    const ssize_t n = recv(process.socket.get(), room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) return give_up(number, "it ended");
    if (n == 0) return give_up(number, "it ended, or closed its output");
    process.input.append(room.data(), static_cast<std::size_t>(n));
    if (process.input.size() > authz::longest_answer + 1) return give_up(number, "its answer is longer than 64 KiB");
  }
  if (process.input.empty()) return;
  if (!process.question || !process.question->text.empty()) return give_up(number, "it said something that nobody had asked");
  take_line(number);
}

void ProgramHook::take_line(std::uint64_t number) {
  Process& process = processes_.at(number);
  const auto end = process.input.find('\n');
  if (end == std::string::npos) return;
  if (end + 1 != process.input.size()) return give_up(number, "it gave more than one answer");
  auto answer = authz::parse_hook_answer(std::string_view(process.input).substr(0, end), process.question->number);
  if (!answer) return give_up(number, "its answer can't be used: " + answer.error().reason);
  process.input.clear();
  auto question = std::move(process.question);
  give_out();
  finish(std::move(question), std::move(answer));
}

void ProgramHook::expired(std::uint64_t question) {
  const std::string late = "no answer within " + std::to_string(deadline_.count()) + " ms";
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& q) { return q->number == question; });
  if (waits != waiting_.end()) {
    auto taken = std::move(*waits);
    waiting_.erase(waits);
    return finish(std::move(taken), fail(problem(name_, Code::timeout, late + (processes_.empty() ? ": none of its programs runs" : ": all of its programs are busy"))));
  }
  for (auto& [number, process] : processes_) {
    if (process.question && process.question->number == question) return give_up(number, late);
  }
}

// Its process may still be at it, and goes on being busy until it answers or is late.
void ProgramHook::cancel(std::uint64_t question) {
  const auto is_it = [&](const auto& q) { return q && q->number == question; };
  std::erase_if(waiting_, is_it);
  for (auto& [number, process] : processes_) {
    if (is_it(process.question)) process.question->on_answer = nullptr;
  }
  for (auto& refused : refused_) {
    if (is_it(refused)) refused->on_answer = nullptr;
  }
}

void ProgramHook::give_up(std::uint64_t number, std::string reason) {
  auto gone = processes_.extract(number);
  if (gone.empty()) return;
  auto question = std::move(gone.mapped().question);
  const bool late = reason.starts_with("no answer");
  // Both may destroy this hook, so nothing of it is looked at afterwards.
  const Error error = problem(name_, late ? Code::timeout : Code::protocol, reason);
  const auto on_failed = on_failed_;
  finish(std::move(question), fail(error));
  on_failed(number, reason);
}

void ProgramHook::finish(std::unique_ptr<Question> question, Result<authz::HookAnswer> answer) {
  if (!question || !question->on_answer) return;
  const OnAnswer on_answer = std::move(question->on_answer);
  question.reset();
  on_answer(std::move(answer));
}

}  // namespace tlspool::judge
