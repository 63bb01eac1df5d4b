// SPDX-License-Identifier: Apache-2.0
#include "worker/rechecks.h"

#include "base/log.h"
#include "worker/question.h"

namespace tlspool::worker {
namespace {

constexpr std::chrono::milliseconds pause{1000};

/// What the session's handshake would ask today; none where nobody would be asked.
std::optional<wire::ChainQuery> question_of(Session& session, const Policy& policy) {
  const Connection& c = session.connection();
  if (c.for_pool || (c.proved().how.empty() && !policy.setup().has_rules)) return std::nullopt;
  std::vector<Bytes> chain;
  if (!c.shared_key && !c.proved().how.empty()) chain = session.peer_certificates();
  const bool trust = c.shared_key || !chain.empty();
  wire::ChainQuery query = question_about(c, session.pump().ssl(), session.pump().network(), std::move(chain));
  query.stage = trust ? wire::Stage::trust : wire::Stage::authorization;
  if (query.expected.empty() && (c.shared_key || !trust)) query.expected = c.proved().identity;
  query.fresh = true;
  query.explain = false;
  return query;
}

}  // namespace

void Rechecks::begin(std::shared_ptr<const Policy> policy) {
  policy_ = std::move(policy);
  waiting_.clear();
  for (std::string& id : sessions_.ids()) waiting_.push_back({std::move(id)});
  log::debug("sessions.recheck", {{"sessions", std::to_string(waiting_.size())}});
  go_on();
}

void Rechecks::go_on() {
  while (!pausing_ && !waiting_.empty() && asked_ < side_by_side) {
    Open open = std::move(waiting_.front());
    waiting_.pop_front();
    ask(std::move(open));
  }
  if (asked_ == 0 && waiting_.empty() && ended_ != 0) log::warning("sessions.rechecked", {{"ended", std::to_string(std::exchange(ended_, 0))}});
}

void Rechecks::ask(Open open) {
  Session* session = sessions_.find(open.id);
  if (session == nullptr) return;
  const auto query = question_of(*session, *policy_);
  if (!query) return;
  ++asked_;
  const std::uint64_t number = judge_.ask(*query, [this, open](const wire::ChainVerdict& verdict) {
    --asked_;
    answered(open, verdict);
    go_on();
  });
  if (number != 0) return;
  --asked_;
  if (open.tries < most_tries) return again(std::move(open));
  answered(std::move(open), {.check = "judge", .reason = "it can't be reached"});
}

void Rechecks::answered(Open open, const wire::ChainVerdict& verdict) {
  Session* session = sessions_.find(open.id);
  if (session == nullptr || verdict.accepted) return;
  if (verdict.check == "judge" && open.tries < most_tries) return again(std::move(open));
  ++ended_;
  const std::string who = session->connection().proved().identity;
  log::warning("session.refused", {{"id", open.id}, {"remote", who}, {"check", verdict.check}, {"reason", verdict.reason}});
  session->pump().refuse("refused since the last reload: " + verdict.check + ": " + verdict.reason);
}

void Rechecks::again(Open open) {
  ++open.tries;
  waiting_.push_back(std::move(open));
  // Until the judge is back there is nothing to be had from asking.
  if (std::exchange(pausing_, true)) return;
  pause_.start(pause, [this] {
    pausing_ = false;
    go_on();
  });
}

}  // namespace tlspool::worker
