// SPDX-License-Identifier: Apache-2.0
#include "worker/agents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/sessions.h"

namespace tlspool::worker {
namespace {

// Each holds one of OpenSSL's jobs, of which a worker has 1024; and nobody answers more than a few at a time.
constexpr std::ptrdiff_t most_of_a_user = 32;
constexpr std::size_t most = 256;

wire::Value value_of(const std::string& id, const DisclosureQuestion& q) {
  return wire::Value::object()
      .set("id", id)
      .set("localIdentity", q.local)
      .set("remoteIdentity", wire::or_null(q.remote))
      .set("proved", q.proved)
      .set("role", wire::role_word(q.role))
      .set("service", wire::or_null(q.service))
      .set("pid", q.pid)
      .set("rule", q.rule)
      .set("patienceMs", static_cast<std::int64_t>(q.patience.count()));
}

tl::unexpected<Error> nobody(std::string reason, std::string advice) {
  return fail({Code::busy, "ask the agent", "", std::move(reason), std::move(advice)});
}

}  // namespace

pid_t Agents::watch(uid_t uid, pid_t pid, Send send) {
  const auto [there, added] = agents_.try_emplace(uid, Agent{pid, std::move(send)});
  return added ? 0 : there->second.pid;
}

void Agents::leave(uid_t uid) {
  agents_.erase(uid);
  std::vector<OnAnswer> orphans;
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.uid != uid) {
      ++at;
      continue;
    }
    orphans.push_back(std::move(at->second.on_answer));
    at = open_.erase(at);
  }
  for (const OnAnswer& on_answer : orphans) on_answer(Answer::gone);
}

Result<std::string> Agents::ask(std::uint32_t worker, uid_t uid, const DisclosureQuestion& question, OnAnswer on_answer) {
  const auto agent = agents_.find(uid);
  if (agent == agents_.end()) {
    return nobody("no agent of user " + std::to_string(uid) + " is there", "let `tlspool agent` run in the user's session");
  }
  const auto of_user = std::ranges::count_if(open_, [&](const auto& open) { return open.second.uid == uid; });
  if (open_.size() >= most || of_user >= most_of_a_user) return nobody("the agent has too many questions to answer already", "try again in a moment");
  auto id = Sessions::new_id(worker);
  if (!id) return id;
  if (!agent->second.send(wire::Value::object().set("question", value_of(*id, question)).set("withdrawn", nullptr))) {
    return nobody("the agent does not read its questions", "start `tlspool agent` anew");
  }
  open_[*id] = {uid, std::move(on_answer)};
  return id;
}

void Agents::withdraw(const std::string& id) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  const auto agent = agents_.find(found->second.uid);
  if (agent != agents_.end()) (void)agent->second.send(wire::Value::object().set("question", nullptr).set("withdrawn", id));
  open_.erase(found);
}

bool Agents::answer(const std::string& id, uid_t uid, pid_t pid, Answer answer) {
  const auto found = open_.find(id);
  const auto agent = agents_.find(uid);
  // Not just any program of the user's: it might be the one that wants to show itself.
  if (found == open_.end() || found->second.uid != uid || agent == agents_.end() || agent->second.pid != pid) return false;
  const OnAnswer on_answer = std::move(found->second.on_answer);
  open_.erase(found);
  on_answer(answer);
  return true;
}

}  // namespace tlspool::worker
