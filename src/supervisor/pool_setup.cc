// SPDX-License-Identifier: Apache-2.0
// What judge and workers are told of the configuration, ticket keys, and what pools of a cluster have in common.
#include <fcntl.h>

#include "base/log.h"
#include "supervisor/cluster_digest.h"
#include "supervisor/pool.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

bool same_cluster(const std::shared_ptr<const ClusterKeys>& a, const std::shared_ptr<const ClusterKeys>& b) {
  return (!a && !b) || (a && b && a->tickets.equals(b->tickets));
}

}  // namespace

void Pool::send_judge_setup(const Content& content, std::uint64_t number) {
  for (const Bytes& part : judge_tables(content.config)) judge_->send_bytes(Kind::judge_tables, part, 0, {});
  wire::JudgeSetup setup = judge_setup(content.config, ground_.paths);
  setup.cache = cache_setup(content.config, content.cluster.get(), outcome_policy(content.config, content.material, ground_.paths));
  Bytes body = wire::encode(setup);
  judge_->send_bytes(Kind::judge_setup, body, number, {});
  wipe(setup.cache.key);
  wipe(body);
}

std::vector<std::string> Pool::token_names() {
  std::vector<std::string> out(counters::most_tokens);
  for (const auto& token : content_.config.tokens) {
    const std::size_t number = numbers_.token(token.name);
    out[number] = number + 1 < out.size() ? token.name : "other";
  }
  return out;
}

void Pool::apply_metrics() { metrics_.apply(content_.config.metrics, content_.metrics, token_names()); }

void Pool::send_audit(std::uint32_t worker) {
  if (!content_.audit) return;
  std::vector<UniqueFd> out;
  if (content_.audit->out.valid()) out = only(UniqueFd{fcntl(content_.audit->out.get(), F_DUPFD_CLOEXEC, 0)});
  workers_[worker]->send(Kind::audit_end, content_.audit->setup, 0, std::move(out));
}

void Pool::send_setup(std::uint32_t worker) {
  wire::WorkerSetup setup = setup_;
  setup.index = worker;
  setup.count = static_cast<std::uint32_t>(workers_.size());
  setup.ticket_key = copy_of(tickets_.current());
  setup.old_ticket_keys = tickets_.old();
  Bytes body = wire::encode(setup);
  workers_[worker]->send_bytes(Kind::worker_setup, body, 0);
  wipe(setup.ticket_key);
  for (Bytes& key : setup.old_ticket_keys) wipe(key);
  wipe(body);
}

void Pool::send_setups() {
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->running()) send_setup(i);
  }
}

// Pools of a cluster take each other's tickets; so these are bound to what is the same in all of them.
Bytes Pool::ticket_binding(const wire::WorkerSetup& setup) const {
  return content_.cluster ? ticket_policy(setup, outcome_policy(content_.config, content_.material, ground_.paths)) : setup.policy;
}

void Pool::renew_setup() {
  wire::WorkerSetup now =
      worker_setup(content_.config, content_.material, numbers_, report_, ground_.owner);
  now.policy = with_revoked(ticket_binding(now));
  now.has_revoked = !revoked_ || !revoked_->empty();
  TicketKeys::Times times;
  times.life = std::chrono::seconds{content_.config.cache.ticket_rotation};
  const bool first = !tickets_.begun();
  const bool same_keys = !first && now.policy == setup_.policy && times.life == tickets_.times().life && same_cluster(content_.cluster, ticket_cluster_);
  if (same_keys && wire::encode(now) == wire::encode(setup_)) return;
  if (!same_keys) {
    // Without a new key the old setup stays: tickets must not outlive the policy they were made under.
    if (auto begun = tickets_.begin(now.policy, content_.cluster ? content_.cluster->tickets.bytes() : ByteView{}, times); !begun) {
      return log::error("policy.kept", {{"reason", begun.error().text()}});
    }
    ticket_cluster_ = content_.cluster;
    log::info("policy.set", {{"identities", std::to_string(now.identities.size())},
                             {"rules", std::to_string(now.rules.size())}});
  }
  setup_ = std::move(now);
  send_own_certificates();
  if (!first) send_setups();
}

void Pool::ask_judge(OnOutcomes done) {
  gather_.ask({judge_.get()}, Kind::outcomes_query, {}, [done = std::move(done)](const std::vector<Bytes>& answers) {
    auto counters = answers.empty() ? std::nullopt : std::optional(wire::decode<wire::OutcomeCounters>(answers.front()));
    done(counters && *counters ? std::optional(**counters) : std::nullopt);
  });
}

}  // namespace tlspool::supervisor
