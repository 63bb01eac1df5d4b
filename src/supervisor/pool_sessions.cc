// SPDX-License-Identifier: Apache-2.0
// What ends sessions from outside: peers that are revoked, a reload, a token that is gone.

#include <algorithm>

#include "base/log.h"
#include "supervisor/pool.h"
#include "tls/openssl.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

std::uint64_t count_of(const std::vector<Bytes>& answers) {
  std::uint64_t sum = 0;
  for (const Bytes& answer : answers) {
    if (const auto one = wire::decode<wire::SessionsEnded>(answer)) sum += one->count;
  }
  return sum;
}

constexpr std::size_t identities_at_once = 24;

bool away(wire::TokenState state) { return state == wire::TokenState::missing || state == wire::TokenState::failed; }

}  // namespace

void Pool::revoke(const wire::JudgeAdmin& request, OnRevoked done) {
  judge_calls_.ask(*judge_, request, [this, ends = request.operation == wire::JudgeOperation::revoke, done = std::move(done)](const wire::JudgeAdminAnswer& answer) {
    if (!answer.problem.empty()) return done(answer, 0);
    take_revoked(answer.revoked_digest);
    // Also where it was there already: a worker may have been asked while it was being started.
    wire::EndSessions end;
    (ends ? end.revoked : end.restored) = answer.revoked;
    end_sessions(wire::encode(end), [answer, done](std::uint64_t count) { done(answer, count); });
  });
}

void Pool::end_sessions(const Bytes& end, std::function<void(std::uint64_t sessions)> done) {
  struct Both {
    std::uint64_t count = 0;
    int waits = 1;
  };
  auto both = std::make_shared<Both>();
  const auto one = [both, done = std::move(done)](std::uint64_t count) {
    both->count += count;
    if (--both->waits == 0) done(both->count);
  };
  if (before_) {
    ++both->waits;
    before_->end_sessions(end, one);
  }
  ask_workers(Kind::end_sessions, [one](const std::vector<Bytes>& answers) { one(count_of(answers)); }, end);
}

// A ticket is good only as long as nobody else was revoked.
Bytes Pool::with_revoked(Bytes policy) const {
  if (!revoked_ || revoked_->empty()) return policy;
  append_sized(policy, *revoked_);
  return tls::sha256(policy);
}

void Pool::take_revoked(const Bytes& digest) {
  if (digest == revoked_) return;
  revoked_ = digest;
  if (!reported_) return;
  if (!reload_) return renew_setup();
  // Its end does the rest; tickets can't wait for that.
  setup_.has_revoked = true;
  setup_.policy = with_revoked(std::move(setup_.policy));
  if (auto begun = tickets_.begin(setup_.policy, content_.cluster ? content_.cluster->tickets.bytes() : ByteView{}, tickets_.times()); !begun) {
    log::error("policy.kept", {{"reason", begun.error().text()}});
  }
  send_setups();
}

void Pool::recheck_sessions() {
  if (content_.config.sessions.on_reload != config::OnReload::recheck) return;
  for (auto& worker : workers_) {
    if (worker->phase() == Child::Phase::ready) worker->send_bytes(Kind::recheck_sessions, {}, 0);
  }
}

void Pool::end_sessions_of_lost_tokens(const wire::KeeperReport& now) {
  const auto state_in = [](const wire::KeeperReport& report, const std::string& name) {
    const auto found = std::find_if(report.tokens.begin(), report.tokens.end(), [&](const auto& t) { return t.name == name; });
    return found == report.tokens.end() ? wire::TokenState::missing : found->state;
  };
  wire::EndSessions end;
  for (const auto& identity : content_.config.identities) {
    if (identity.token_gone != config::TokenGone::end) continue;
    const bool gone = std::any_of(identity.credentials.begin(), identity.credentials.end(), [&](const auto& c) {
      return away(state_in(now, c.token)) && !away(state_in(report_, c.token));
    });
    if (gone) end.identities.push_back(identity.name);
  }
  // In parts that another supervisor can be told at once.
  for (std::size_t from = 0; from < end.identities.size(); from += identities_at_once) {
    const auto first = end.identities.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(identities_at_once, end.identities.size() - from));
    const wire::EndSessions part{{}, {}, {first, last}};
    end_sessions(wire::encode(part), [names = part.identities](std::uint64_t count) {
      for (const std::string& name : names) log::warning("token.sessions_ended", {{"identity", name}, {"sessions", std::to_string(count)}});
    });
  }
}

}  // namespace tlspool::supervisor
