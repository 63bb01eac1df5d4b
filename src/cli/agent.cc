// SPDX-License-Identifier: Apache-2.0
#include "cli/agent.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <deque>

#include "base/socket.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "client/call.h"
#include "config/paths.h"
#include "loop/varlink_connection.h"

namespace tlspool::cli {
namespace {

constexpr std::chrono::milliseconds retry{1000};

/// Watches every worker of one pool, asks its person, and answers.
class Agent {
 public:
  explicit Agent(config::Paths paths) : paths_(std::move(paths)) {}

  Status run(const std::string& program) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (program.empty()) {
      auto person = person_at_terminal(loop_, [this] { loop_.stop(); });
      if (!person) return fail(std::move(person.error()));
      person_ = std::move(*person);
    } else {
      person_ = person_by_program(loop_, program);
    }
    if (auto first = watch(0); !first) {
      if (first.error().code == Code::not_found) first.error().advice = "start the pool: " + command_for(paths_, "tlspoold");
      return first;
    }
    const SignalWatch terminated(loop_, SIGTERM, [this](int) { loop_.stop(); });
    const SignalWatch interrupted(loop_, SIGINT, [this](int) { loop_.stop(); });
    loop_.run();
    if (problem_) return fail(std::move(*problem_));
    return {};
  }

 private:
  struct Watch {
    explicit Watch(Loop& loop) : later(loop) {}
    std::unique_ptr<VarlinkConnection> connection;
    Timer later;
    bool stands = false;
  };

  Status watch(int worker) {
    auto socket = connect_unix(paths_.programs_socket());
    if (!socket) return fail(std::move(socket.error()));
    fcntl(socket->get(), F_SETFL, O_NONBLOCK);
    Watch& watch = *watches_.try_emplace(worker, std::make_unique<Watch>(loop_)).first->second;
    watch.connection = std::make_unique<VarlinkConnection>(
        loop_, std::move(*socket), [this, worker](std::string text, std::vector<UniqueFd>) { told(worker, text); },
        [this, worker] { lost(worker); });
    watch.connection->send(wire::call_text("io.tlspool.Pool.WatchDisclosures", wire::Value::object().set("worker", worker), wire::Replies::more));
    return {};
  }

  void told(int worker, const std::string& text) {
    auto answer = wire::parse_answer(text);
    if (!answer) return end(std::move(answer.error()));
    if (answer->error.ends_with(".AgentPresent")) {
      return end({Code::busy, "agent", "", "the process " + std::to_string(answer->parameters.number("pid", 0)) + " is your agent already", "end that one first"});
    }
    // The pool has fewer workers than it had.
    if (answer->error.ends_with(".InvalidParameter") && worker > 0) return forget(worker);
    if (!answer->error.empty()) return end({Code::protocol, "agent", "", printable(client::message_of(*answer)), {}});
    if (const wire::Value* question = answer->parameters.find("question")) {
      waiting_.push_back(AgentQuestion::read(*question, worker));
      return next();
    }
    if (const std::string id = answer->parameters.text("withdrawn"); !id.empty()) return withdrawn([&](const AgentQuestion& q) { return q.id == id; });
    watches_.at(worker)->stands = true;
    const auto workers = static_cast<int>(std::clamp<std::int64_t>(answer->parameters.number("workers", 1), 1, 256));
    for (int other = 1; other < workers; ++other) {
      if (!watches_.contains(other)) try_again(other);
    }
    const bool all = static_cast<int>(watches_.size()) >= workers && std::ranges::all_of(watches_, [](const auto& w) { return w.second->stands; });
    if (all) print("tlspool agent: " + printable(paths_.directory) + " asks here what may be shown\n");
  }

  // The pool was stopped, or a worker has died.
  void lost(int worker) {
    withdrawn([&](const AgentQuestion& q) { return q.worker == worker; });
    watches_.at(worker)->stands = false;
    watches_.at(worker)->later.start(retry, [this, worker] { try_again(worker); });
  }

  void try_again(int worker) {
    if (watch(worker)) return;
    Watch& watch = *watches_.try_emplace(worker, std::make_unique<Watch>(loop_)).first->second;
    watch.later.start(retry, [this, worker] { try_again(worker); });
  }

  // Within its connection's callback: on the next round.
  void forget(int worker) {
    watches_.at(worker)->later.start(std::chrono::milliseconds{0}, [this, worker] { watches_.erase(worker); });
  }

  void end(Error problem) {
    problem_ = std::move(problem);
    loop_.stop();
  }

  template <class Which>
  void withdrawn(const Which& which) {
    std::erase_if(waiting_, which);
    if (!current_ || !which(*current_)) return;
    current_.reset();
    person_->withdraw();
    next();
  }

  void next() {
    while (!current_ && !waiting_.empty()) {
      const AgentQuestion question = std::move(waiting_.front());
      waiting_.pop_front();
      auto known = memory_.find(question);
      if (!known) {
        std::fprintf(stderr, "tlspool: %s; nothing is shown\n", known.error().text().c_str());
        say(question, false, "unknown");
      } else if (*known) {
        say(question, **known, "remembered");
      } else {
        current_ = question;
        person_->ask(question, [this](AgentAnswer answer) { answered(answer); });
      }
    }
  }

  void answered(AgentAnswer answer) {
    const AgentQuestion question = *std::exchange(current_, std::nullopt);
    const bool show = answer != AgentAnswer::not_now && answer != AgentAnswer::never;
    if (auto kept = memory_.keep(question, answer); !kept) std::fprintf(stderr, "tlspool: %s\n", kept.error().text().c_str());
    say(question, show, "asked");
    next();
  }

  void say(const AgentQuestion& q, bool show, const char* how) {
    const auto answer = client::call(paths_.programs_socket(), "io.tlspool.Pool.AnswerDisclosure",
                                     wire::Value::object().set("question", q.id).set("show", show));
    const bool taken = answer && answer->error.empty();
    print(fmt::format("{}: {} to {} ({}){}\n", show ? "shown" : "not shown", printable(q.local), q.remote.empty() ? "the peer" : printable(q.remote), how,
                      taken ? "" : ", but too late"));
  }

  Loop loop_;
  config::Paths paths_;
  AgentMemory memory_ = AgentMemory::standard();
  std::unique_ptr<AgentPerson> person_;
  std::map<int, std::unique_ptr<Watch>> watches_;
  std::deque<AgentQuestion> waiting_;
  std::optional<AgentQuestion> current_;
  std::optional<Error> problem_;
};

}  // namespace

Status agent(const AgentOptions& options) {
  auto paths = config::find_pool(options.pool);
  if (!paths) return fail(std::move(paths.error()));
  return Agent(std::move(*paths)).run(options.program);
}

}  // namespace tlspool::cli
