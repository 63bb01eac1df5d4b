// SPDX-License-Identifier: Apache-2.0
#include "tunnel/caller.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <map>

#include "base/socket.h"
#include "tunnel/request.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {

struct Caller::Line {
  struct Passed {
    Done done;
    std::uint64_t since = 0;
  };
  struct Waiting {  // for room in the socket
    UniqueFd tls;
    UniqueFd plain;
  };
  std::size_t worker = 0;
  UniqueFd fd;
  std::unique_ptr<Poll> poll;
  std::uint64_t next = 0;
  std::map<std::uint64_t, Passed> passed;  ///< by number, and so by age
  std::deque<Waiting> waiting;
  std::string partial;  ///< what came of the next answer so far
};

Caller::Caller(Loop& loop, std::string socket, Beginning beginning) : loop_(loop), socket_(std::move(socket)), beginning_(std::move(beginning)), lines_(1) {}

Caller::~Caller() = default;

Result<Caller::Line*> Caller::dial(std::size_t worker) {
  // Blocks only while the daemon's backlog (SOMAXCONN) is full of connections that it has not accepted.
  auto fd = connect_unix(socket_);
  if (!fd) {
    Error e = std::move(fd.error());
    e.advice = "is tlspoold running for this pool? `tlspool doctor` tells more";
    return fail(std::move(e));
  }
  const std::string text = beginning_(worker);
  auto sent = transmit(fd->get(), view(text), {}, MSG_DONTWAIT);
  if (!sent) return fail(std::move(sent.error()));
  if (!sent->has_value() || **sent != text.size()) return fail({Code::closed, "Forward", socket_, "the pool does not read", "see the pool's log"});
  auto line = std::make_unique<Line>();
  Line* raw = line.get();
  raw->worker = worker;
  raw->fd = std::move(*fd);
  raw->poll = std::make_unique<Poll>(loop_, raw->fd.get(), [this, raw](int events) { ready(*raw, events); });
  raw->poll->want(Poll::readable);
  lines_[worker] = std::move(line);
  return raw;
}

// How many workers there are is known once the first has answered.
Result<Caller::Line*> Caller::choose() {
  Line* best = nullptr;
  for (std::size_t i = 0; i < workers_; ++i) {
    const std::size_t at = (turn_ + i) % workers_;
    if (!lines_[at]) return dial(at);
    if (best == nullptr || lines_[at]->passed.size() < best->passed.size()) best = lines_[at].get();
  }
  turn_ = best->worker + 1;
  return best;
}

Status Caller::start(UniqueFd tls, UniqueFd plain, Done done) {
  Line::Waiting both{std::move(tls), std::move(plain)};
  // A connection may be of a pool that has gone since; then once more, with the one that is there now.
  for (std::size_t attempts = 0; attempts <= workers_; ++attempts) {
    auto chosen = choose();
    if (!chosen) return fail(std::move(chosen.error()));
    Line& line = **chosen;
    line.waiting.push_back(std::move(both));
    if (line.waiting.size() > 1 || flush(line)) {
      line.passed[line.next++] = {std::move(done), loop_.now()};
      return {};
    }
    both = std::move(line.waiting.back());
    drop(line, "the pool went away during the handshake");
  }
  return fail({Code::closed, "Pass", socket_, "the pool closed the connection", "see the pool's log"});
}

// False: the connection is of no use any more.
bool Caller::flush(Line& line) {
  while (!line.waiting.empty()) {
    const Line::Waiting& first = line.waiting.front();
    const std::array<int, 2> descriptors{first.tls.get(), first.plain.get()};
    const auto sent = transmit(line.fd.get(), view(pass_text), descriptors, MSG_DONTWAIT);
    if (sent && !sent->has_value()) break;
    // A message of this size goes as a whole or not at all.
    if (!sent || **sent != pass_text.size()) return false;
    line.waiting.pop_front();
  }
  line.poll->want(Poll::readable | (line.waiting.empty() ? Poll::none : Poll::writable));
  return true;
}

void Caller::ready(Line& line, int events) {
  if ((events & Poll::writable) != 0 && !flush(line)) return drop(line, "the pool went away during the handshake");
  if ((events & Poll::readable) == 0) return;
  static std::array<char, 64 * 1024> buffer;  // one for all: the loop has one thread
  // Plain recv: a descriptor that came along, which no answer of ours has, is dropped by the kernel.
  const ssize_t n = recv(line.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(line, "the pool went away during the handshake");
  line.partial.append(buffer.data(), static_cast<std::size_t>(n));
  if (line.partial.size() > wire::max_message) return drop(line, "the pool's answer has no end");
  std::vector<std::pair<Done, std::string>> ended;
  std::size_t at = 0;
  for (std::size_t nul = line.partial.find('\0'); nul != std::string::npos; nul = line.partial.find('\0', at)) {
    Outcomes outcomes = outcomes_in(std::string_view(line.partial).substr(at, nul - at));
    if (!outcomes.problem.empty()) return drop(line, outcomes.problem);
    if (line.worker == 0) workers_ = outcomes.workers;
    if (lines_.size() < workers_) lines_.resize(workers_);
    if (outcomes.leave) leave(line);
    for (auto& [number, failure] : outcomes.ended) {
      if (auto found = line.passed.extract(number); !found.empty()) ended.emplace_back(std::move(found.mapped().done), std::move(failure));
    }
    at = nul + 1;
  }
  line.partial.erase(0, at);
  const auto mine = std::ranges::find_if(left_, [&](const auto& left) { return left.get() == &line; });
  if (mine != left_.end() && line.passed.empty()) left_.erase(mine);
  for (const auto& [done, failure] : ended) done(failure);  // which may drop the line
}

// What could not be sent yet goes to the pool that is there now.
void Caller::leave(Line& line) {
  if (lines_[line.worker].get() != &line) return;
  left_.push_back(std::move(lines_[line.worker]));
  workers_ = 1;  // it may have another number of them
  for (auto waiting = std::exchange(line.waiting, {}); !waiting.empty(); waiting.pop_front()) {
    auto last = line.passed.extract(--line.next);
    if (last.empty()) continue;
    Done done = std::move(last.mapped().done);
    if (auto again = start(std::move(waiting.front().tls), std::move(waiting.front().plain), done); !again) done(again.error().text());
  }
  line.poll->want(Poll::readable);
}

void Caller::drop(Line& line, const std::string& why) {
  const auto left = std::ranges::find_if(left_, [&](const auto& one) { return one.get() == &line; });
  const std::unique_ptr<Line> dropped = std::move(left != left_.end() ? *left : lines_[line.worker]);
  if (left != left_.end()) {
    left_.erase(left);
  } else if (line.worker == 0) {
    workers_ = 1;  // another pool may have another number of them
  }
  for (auto& [number, passed] : dropped->passed) passed.done(why);
}

void Caller::expire(std::uint64_t oldest) {
  std::vector<Done> late;
  std::vector<Line*> all;
  for (const auto* lines : {&lines_, &left_}) {
    for (const auto& line : *lines) all.push_back(line.get());
  }
  for (Line* line : all) {
    while (line != nullptr && !line->passed.empty() && line->passed.begin()->second.since < oldest) {
      late.push_back(std::move(line->passed.begin()->second.done));
      line->passed.erase(line->passed.begin());
    }
  }
  for (const Done& done : late) done("the pool did not answer in time");
}

}  // namespace tlspool::tunnel
