// SPDX-License-Identifier: Apache-2.0
#include "judge/judge.h"

#include <ctime>
#include <string>

#include "base/log.h"
#include "base/sandbox.h"
#include "judge/anchor_files.h"
#include "trust/chain.h"
#include "wire/log_setup.h"

namespace tlspool::judge {
namespace {

constexpr std::uint16_t number_of(wire::Kind kind) { return static_cast<std::uint16_t>(kind); }

}  // namespace

Judge::Judge(Loop& loop, UniqueFd supervisor)
    : loop_(loop),
      supervisor_(loop, std::move(supervisor), [this](Frame frame) { on_supervisor(std::move(frame)); },
                  [this] { loop_.stop(); }) {}

void Judge::on_supervisor(Frame frame) {
  if (frame.kind == number_of(wire::Kind::log_setup)) {
    if (auto done = wire::start_log(frame.body); !done) return give_up(done.error());
  } else if (frame.kind == number_of(wire::Kind::judge_setup)) {
    set_up(frame);
  } else if (frame.kind == number_of(wire::Kind::judge_channel)) {
    add_worker(std::move(frame));
  } else {
    log::warning("judge.unknown_frame", {{"kind", std::to_string(frame.kind)}});
  }
}

void Judge::set_up(const Frame& frame) {
  const auto setup = wire::decode<wire::JudgeSetup>(frame.body);
  if (!setup) return give_up(setup.error());
  ReadAnchors read = read_anchors(*setup);
  if (!sandboxed_) {
    if (auto done = enter_sandbox({Confinement::judge, readable_paths(*setup), {}}); !done) return give_up(done.error());
    sandboxed_ = true;
  }
  anchors_ = std::move(read.anchors);
  if (!read.problem.empty()) log::warning("judge.anchors", {{"problem", read.problem}});
  log::debug("judge.ready", {{"anchors", std::to_string(anchors_.count())}});
  supervisor_.send(number_of(wire::Kind::judge_ready), frame.number,
                   wire::encode(wire::JudgeReady{anchors_.count(), std::move(read.problem)}));
}

void Judge::add_worker(Frame frame) {
  if (frame.descriptors.size() != 1) return give_up({Code::protocol, "judge_channel", "", "not one descriptor", {}});
  const std::uint64_t id = ++last_worker_;
  workers_[id] = std::make_unique<Channel>(
      loop_, std::move(frame.descriptors.front()), [this, id](const Frame& query) { on_worker(id, query); },
      [this, id] { workers_.erase(id); });
}

void Judge::on_worker(std::uint64_t worker, const Frame& frame) {
  if (frame.kind != number_of(wire::Kind::chain_query) || !frame.descriptors.empty()) {
    return drop_worker(worker, "a frame that is no question about a chain");
  }
  const auto query = wire::decode<wire::ChainQuery>(frame.body);
  if (!query) return drop_worker(worker, "a malformed question");
  const wire::ChainVerdict verdict =
      sandboxed_ ? trust::judge_chain(anchors_, *query, std::time(nullptr))
                 : wire::ChainVerdict{.check = "chain", .reason = "the judge has not read its trust anchors yet"};
  log::debug("chain.judged", {{"accepted", verdict.accepted ? "yes" : "no"},
                              {"expected", query->expected},
                              {"identity", verdict.identity},
                              {"check", verdict.check},
                              {"reason", verdict.reason}});
  workers_[worker]->send(number_of(wire::Kind::chain_verdict), frame.number, wire::encode(verdict));
}

void Judge::drop_worker(std::uint64_t worker, const char* why) {
  log::error("judge.worker_dropped", {{"reason", why}});
  workers_.erase(worker);
}

// Without its set-up a judge is of no use; the supervisor sees it end and says so.
void Judge::give_up(const Error& error) {
  log::error("judge.failed", {{"error", error.text()}});
  exit_status_ = 1;
  loop_.stop();
}

}  // namespace tlspool::judge
