// SPDX-License-Identifier: Apache-2.0
#include "judge/judge.h"

#include <algorithm>
#include <ctime>
#include <string>

#include "base/contains.h"
#include "base/log.h"
#include "base/name_service.h"
#include "judge/administration.h"
#include "judge/anchor_files.h"
#include "judge/tls_dial.h"
#include "judge/dane_source.h"
#include "judge/pin_source.h"
#include "trust/chain.h"
#include "wire/confine.h"
#include "wire/log_setup.h"

namespace tlspool::judge {
namespace {

// Of one worker's questions that wait for DNS, responders and hooks.
constexpr std::size_t most_bytes_waiting = 64 << 20;

std::string together(const std::vector<std::string>& problems) {
  std::string out;
  for (const std::string& problem : problems) out += (out.empty() ? "" : "; ") + problem;
  return out;
}

}  // namespace

Judge::Judge(Loop& loop, UniqueFd supervisor)
    : loop_(loop),
      hooks_(std::make_shared<Hooks>(loop, [this](std::uint64_t process, const std::string& reason) { hook_failed(process, reason); })),
      questions_(loop),
      outcomes_(loop),
      recollection_(outcomes_, questions_),
      supervisor_(loop, std::move(supervisor), [this](Frame frame) { on_supervisor(std::move(frame)); },
                  [this] { loop_.stop(); }) {}

void Judge::on_supervisor(Frame frame) {
  if (frame.kind == wire::Kind::log_setup) {
    if (auto done = wire::start_log(std::move(frame)); !done) return give_up(done.error());
  } else if (frame.kind == wire::Kind::judge_tables) {
    collect(frame);
  } else if (frame.kind == wire::Kind::judge_setup) {
    set_up(frame);
  } else if (frame.kind == wire::Kind::judge_own) {
    const auto own = wire::decode<wire::OwnCertificates>(frame.body);
    if (own && staples_) staples_->set(*own);
  } else if (frame.kind == wire::Kind::judge_channel) {
    add_worker(std::move(frame));
  } else if (frame.kind == wire::Kind::share_blob) {
    share(frame);
  } else if (frame.kind == wire::Kind::outcomes_query) {
    supervisor_.send(wire::Kind::outcomes_answer, frame.number, wire::encode(outcomes_.counters()));
  } else if (frame.kind == wire::Kind::judge_admin) {
    administer(frame);
  } else if (frame.kind == wire::Kind::leave_files) {
    leave_files(frame.number);
  } else if (frame.kind == wire::Kind::take_files) {
    take_files(frame.number);
  } else if (frame.kind == wire::Kind::hook_end) {
    add_hook(std::move(frame));
  } else if (frame.kind == wire::Kind::hook_control_end) {
    if (!frame.descriptors.empty()) hooks_->add_link(std::move(frame.descriptors.front()));
  } else {
    log::warning("judge.unknown_frame", {{"kind", std::to_string(frame.kind)}});
  }
}

void Judge::collect(const Frame& frame) {
  auto part = wire::decode<wire::JudgeTables>(frame.body);
  if (!part) return give_up(part.error());
  std::move(part->policies.begin(), part->policies.end(), std::back_inserter(tables_.policies));
  std::move(part->rules.begin(), part->rules.end(), std::back_inserter(tables_.rules));
}

void Judge::set_up(const Frame& frame) {
  auto setup = wire::decode<wire::JudgeSetup>(frame.body);
  if (!setup) return give_up(setup.error());
  ReadAnchors read = read_anchors(*setup);
  const wire::JudgeTables tables = std::exchange(tables_, {});
  if (sandboxed_) {
    std::vector<std::string> fresh = read.problems;
    std::erase_if(fresh, [this](const std::string& one) { return contains(anchor_problems_, one); });
    if (!fresh.empty()) return refuse(frame.number, together(fresh));
  }
  anchor_problems_ = std::move(read.problems);
  auto policies = trust::Policies::make(tables.policies);
  if (!policies) return give_up(policies.error());  // the supervisor has read them, too: this can't be
  auto rules = authz::Ruleset::make(tables.rules, setup->authorization);
  if (!rules) return give_up(rules.error());
  if (!sandboxed_) {
    revocation_ = std::make_shared<RevocationMemory>(loop_, setup->state);
    staples_ = std::make_unique<OwnStaples>(loop_, revocation_->responders, setup->state, [this](const wire::Staple& staple) {
      supervisor_.send(wire::Kind::judge_staple, 0, wire::encode(staple));
    });
    std::vector<std::string> readable = readable_paths(*setup);
    for (std::string& path : prepare_resolver()) readable.push_back(std::move(path));
    const auto tell = [this](UniqueFd watch) { supervisor_.send(wire::Kind::sandbox_watch, 0, {}, only(std::move(watch))); };
    if (auto done = wire::confine({Confinement::judge, std::move(readable), {setup->state}}, tell); !done) return give_up(done.error());
    sandboxed_ = true;
    pins_ = std::make_shared<PinStore>(loop_, setup->state);
    revoked_ = std::make_shared<RevokedStore>(setup->state);
  }
  pins_->read_again();
  revoked_->read_again();
  Law law;
  law.anchors = std::make_shared<const trust::Anchors>(std::move(read.anchors));
  law.policies = std::make_shared<const trust::Policies>(std::move(*policies));
  law.sources = std::make_shared<Sources>();
  if (!dns_ || !dns_->serves(setup->dns, setup->state)) dns_ = std::make_shared<DnsService>(loop_, setup->dns, setup->state);
  law.sources->add(std::make_unique<DaneSource>(dns_), {trust::CheckKind::dane, trust::CheckKind::dane_if_present});
  law.sources->add(std::make_unique<RevocationSource>(revocation_, setup->revocation),
                   {trust::CheckKind::crl, trust::CheckKind::crl_if_present, trust::CheckKind::ocsp, trust::CheckKind::ocsp_if_known, trust::CheckKind::stapled});
  staples_->set(setup->revocation.staple, law.anchors);
  law.sources->add(std::make_unique<PinSource>(pins_, setup->pins), {trust::CheckKind::pin, trust::CheckKind::pin_or_first_use});
  law.revoked = revoked_;
  law.rules = std::make_shared<const authz::Ruleset>(std::move(*rules));
  hooks_->set(setup->authorization.hooks);
  law.hooks = hooks_;
  anchors_ = law.anchors->count();
  if (!anchor_problems_.empty()) log::warning("judge.anchors", {{"problem", together(anchor_problems_)}});
  log::debug("judge.ready", {{"anchors", std::to_string(anchors_)}, {"policies", std::to_string(law.policies->size())}, {"rules", std::to_string(law.rules->size())}});
  const CallerMatters caller{law.rules->looks_at_uid(), law.rules->looks_at_executable()};
  questions_.set(std::move(law));
  outcomes_.depend_on(revoked_->digest());
  if (auto done = outcomes_.set(std::move(setup->cache), caller); !done) return give_up(done.error());
  tell_ready(frame.number);
}

// What is new and broken does not take the place of what worked.
void Judge::refuse(std::uint64_t number, std::string problem) {
  log::warning("judge.kept", {{"problem", problem}});
  supervisor_.send(wire::Kind::judge_ready, number, wire::encode(wire::JudgeReady{anchors_, std::move(problem), revoked_->digest(), true}));
}

void Judge::administer(const Frame& frame) {
  const auto request = wire::decode<wire::JudgeAdmin>(frame.body);
  if (!request) return give_up(request.error());
  wire::JudgeAdminAnswer answer;
  if (pins_) {
    answer = judge::administer(*pins_, *revoked_, *request, std::time(nullptr));
    outcomes_.depend_on(revoked_->digest());
  } else {
    answer.problem = "the judge is just being started; try again in a moment";
  }
  supervisor_.send(wire::Kind::judge_admin_answer, frame.number, wire::encode(answer));
}

void Judge::leave_files(std::uint64_t number) {
  if (pins_) {
    pins_->leave();
    revoked_->leave();
  }
  supervisor_.send(wire::Kind::files_left, number, {});
}

void Judge::take_files(std::uint64_t number) {
  if (!pins_) return;  // it reads them when it is set up
  pins_->take();
  revoked_->take();
  outcomes_.depend_on(revoked_->digest());
  tell_ready(number);
}

void Judge::tell_ready(std::uint64_t number) {
  std::vector<std::string> problems = anchor_problems_;
  for (const std::string& problem : {pins_->problem(), revoked_->problem()}) {
    if (!problem.empty()) problems.push_back(problem);
  }
  supervisor_.send(wire::Kind::judge_ready, number, wire::encode(wire::JudgeReady{anchors_, together(problems), revoked_->digest()}));
}

void Judge::share(const Frame& frame) {
  auto blob = wire::decode<wire::SharedBlob>(frame.body);
  if (!blob) return give_up(blob.error());
  outcomes_.add_blob(std::move(*blob), [this, number = frame.number](const wire::SharedBlob& there) {
    supervisor_.send(wire::Kind::shared_blob, number, wire::encode(there));
  });
}

void Judge::add_worker(Frame frame) {
  if (frame.descriptors.size() != 1) return give_up({Code::protocol, "judge_channel", "", "not one descriptor", {}});
  const std::uint64_t id = ++last_worker_;
  workers_[id].channel = std::make_unique<Channel>(
      loop_, std::move(frame.descriptors.front()), Channel::for_server("worker"), [this, id](const Frame& query) { on_worker(id, query); },
      [this, id] { forget_worker(id); });
}

void Judge::add_hook(Frame frame) {
  const auto end = wire::decode<wire::HookEnd>(frame.body);
  if (!end || frame.descriptors.size() != 1) return give_up({Code::protocol, "hook_end", "", "malformed", {}});
  hooks_->add(*end, std::move(frame.descriptors.front()));
}

void Judge::hook_failed(std::uint64_t process, const std::string& reason) {
  supervisor_.send(wire::Kind::hook_failed, 0, wire::encode(wire::HookFailed{process, reason}));
}

void Judge::on_worker(std::uint64_t worker, const Frame& frame) {
  if (frame.kind != wire::Kind::chain_query || !frame.descriptors.empty()) {
    return drop_worker(worker, "a frame that is no question about a chain");
  }
  auto query = wire::decode<wire::ChainQuery>(frame.body);
  if (!query) return drop_worker(worker, "a malformed question");
  if (!sandboxed_) return answer(worker, frame.number, query->expected, {.check = "chain", .reason = "the judge has not read its trust anchors yet"});
  WorkerEnd& end = workers_[worker];
  const std::size_t size = frame.body.size();
  // What all may ask together leaves room for another worker's questions, whatever one does.
  if (end.bytes + size > most_bytes_waiting || end.questions.size() >= Questions::most_waiting / (workers_.size() + 1)) {
    if (!std::exchange(end.flooded, true)) log::error("judge.flooded", {{"reason", "a worker asks more than it waits for"}});
    return answer(worker, frame.number, query->expected, {.check = "judge", .reason = "too many questions wait"});
  }
  end.bytes += size;
  // The verdict may come before ask() has returned.
  auto question = std::make_shared<std::uint64_t>(0);
  const std::string expected = query->expected;
  *question = recollection_.ask(std::move(*query), [this, worker, question, expected, size, number = frame.number](const wire::ChainVerdict& verdict) {
    WorkerEnd& asker = workers_[worker];
    asker.questions.erase(*question);
    asker.bytes -= size;
    answer(worker, number, expected, verdict);
  });
  if (*question != 0) workers_[worker].questions.insert(*question);
}

void Judge::answer(std::uint64_t worker, std::uint64_t number, const std::string& expected, const wire::ChainVerdict& verdict) {
  log::debug("chain.judged", {{"accepted", verdict.accepted ? "yes" : "no"},
                              {"expected", expected},
                              {"identity", verdict.identity},
                              {"check", verdict.check},
                              {"reason", verdict.reason}});
  workers_[worker].channel->send(wire::Kind::chain_verdict, number, wire::encode(verdict));
}

void Judge::forget_worker(std::uint64_t worker) {
  const auto found = workers_.extract(worker);
  if (found.empty()) return;
  for (const std::uint64_t question : found.mapped().questions) recollection_.cancel(question);
}

void Judge::drop_worker(std::uint64_t worker, const char* why) {
  log::error("judge.worker_dropped", {{"reason", why}});
  forget_worker(worker);
}

// Without its set-up a judge is of no use; the supervisor sees it end and says so.
void Judge::give_up(const Error& error) {
  log::error("judge.failed", {{"error", error.text()}});
  exit_status_ = 1;
  loop_.stop();
}

}  // namespace tlspool::judge
