// SPDX-License-Identifier: Apache-2.0
// Whether the peer may be shown who we are (docs/disclosure.md).
#include <openssl/async.h>

#include <algorithm>

#include "base/log.h"
#include "worker/handshake.h"

namespace tlspool::worker {
namespace {

using std::chrono::milliseconds;

wire::StandingBits standing_of(const StartRequest& request) {
  if (request.peer_to_peer) return wire::as_peer;
  return (request.roles & wire::role_server) != 0 ? wire::as_server : wire::as_client;
}

authz::Showing showing_of(const Connection& c, const std::string& local, const std::string& remote) {
  return {local, remote, c.request.service, c.caller.credentials.uid, standing_of(c.request)};
}

// A token that can't do RSA-PSS: such an identity must be there from the first byte on (tls/context.h).
bool without_pss(const wire::IdentitySetup& identity) {
  return std::ranges::any_of(identity.credentials, [](const auto& c) { return c.usable && c.type == wire::KeyType::rsa && !c.pss; });
}

std::string who(const std::string& remote) { return remote.empty() ? "the peer" : remote; }

}  // namespace

bool Handshake::client_may_show() {
  Connection& c = *connection_;
  // A server that did not prove itself learns nothing, whatever the rules say.
  const std::string& remote = c.proved().identity;
  const bool proved = !c.proved().how.empty() && !remote.empty();
  if (c.local_identity.empty() && proved && !c.for_pool) offer_identity();
  if (c.local_identity.empty()) return false;
  if (!proved) {
    c.not_shown = c.local_identity + " was not shown, as the server proved no identity";
    return false;
  }
  if (c.for_pool) return true;  // the configuration says which identity goes where
  const Showing showing = look_up(c.local_identity, remote);
  if (showing.ask) ask_inside_job(c.local_identity, remote, *showing.rule);
  return c.not_shown.empty();
}

// The program named no identity, and an administrator may have named one for this server.
void Handshake::offer_identity() {
  Connection& c = *connection_;
  const std::string& remote = c.proved().identity;
  const Policy::Identity* chosen = nullptr;
  for (const authz::Disclosure* rule : c.policy->disclosures().offers(showing_of(c, {}, remote))) {
    const Policy::Identity* identity = c.policy->find(rule->local);
    if (identity == nullptr || identity == chosen || !identity->context || without_pss(*identity->setup)) continue;
    if (!c.policy->allows(c.caller, rule->local, wire::role_client)) continue;
    if (c.policy->disclosures().decide(showing_of(c, rule->local, remote)).show == wire::Show::no) continue;
    if (chosen != nullptr) {
      log::warning("disclosure.ambiguous", {{"remote", remote}, {"first", chosen->setup->name}, {"second", rule->local}, {"rule", rule->where}});
      return;
    }
    chosen = identity;
  }
  if (chosen == nullptr) return;
  SSL_set_SSL_CTX(ssl_.get(), chosen->context.get());
  c.local_identity = chosen->setup->name;
  c.single_use = true;  // the request that resumes names no identity
}

bool Handshake::server_may_show() {
  Connection& c = *connection_;
  const std::string& remote = c.request.remote_identity;  // expected; a server shows itself first
  const Showing showing = look_up(c.local_identity, remote);
  if (showing.ask) ask_inside_job(c.local_identity, remote, *showing.rule);
  return c.not_shown.empty();
}

// A shared key's identity goes out in the first message.
void Handshake::may_show_key(const wire::PeerSetup& peer, std::function<void()> then) {
  Connection& c = *connection_;
  const std::string& local = peer.local_identity.empty() ? c.request.local_identity : peer.local_identity;
  const auto refuse = [this, &peer] { refuse_key("shared key: peer=" + peer.name + ": " + connection_->not_shown); };
  const Showing showing = look_up(local, peer.name);
  if (!c.not_shown.empty()) return refuse();
  if (!showing.ask) return then();
  const bool asked = ask_agent(local, peer.name, *showing.rule, [this, refuse, then = std::move(then)] {
    waits_for_agent_ = false;
    return connection_->not_shown.empty() ? then() : refuse();
  });
  if (!asked) return refuse();
  waits_for_agent_ = true;
}

Handshake::Showing Handshake::look_up(const std::string& local, const std::string& remote) {
  Connection& c = *connection_;
  const auto decision = c.policy->disclosures().decide(showing_of(c, local, remote));
  switch (decision.show) {
    case wire::Show::yes: break;
    case wire::Show::ask: return {decision.rule, true};
    case wire::Show::no: not_shown(local, remote, *decision.rule, "which says no"); break;
  }
  return {decision.rule, false};
}

void Handshake::not_shown(const std::string& local, const std::string& remote, const authz::Disclosure& rule, const std::string& why) {
  Connection& c = *connection_;
  c.not_shown = (local.empty() ? "our shared key" : local) + " was not shown to " + who(remote) + " by [[disclosure]] " + rule.where + ", " + why;
  log::info("disclosure.refused", {{"local", local},
                                   {"remote", remote},
                                   {"rule", rule.where},
                                   {"why", why},
                                   {"uid", std::to_string(c.caller.credentials.uid)},
                                   {"pid", std::to_string(c.caller.credentials.pid)}});
}

// What the answer is, c.not_shown says. False: nobody can be asked, and `then` is never called.
bool Handshake::ask_agent(const std::string& local, const std::string& remote, const authz::Disclosure& rule, std::function<void()> then) {
  Connection& c = *connection_;
  c.single_use = true;  // the next one is a question of its own
  // What is left of the deadline but for a tenth, which the rest of the handshake may take.
  const auto passed = milliseconds{services_.loop.now() - started_};
  const milliseconds patience = std::min(std::max(c.request.deadline - passed, milliseconds{0}) * 9 / 10, c.request.agent_patience);
  const DisclosureQuestion question{local, remote, !c.proved().how.empty() && c.proved().how != "firstContact", c.role, c.request.service,
                                    c.caller.credentials.pid, rule.where, patience};
  const auto settled = [this, local, remote, &rule, then = std::move(then)](const char* why) {
    question_.clear();
    question_timer_.reset();
    if (why != nullptr) not_shown(local, remote, rule, why);
    then();
  };
  auto asked = services_.agents.ask(c.policy->setup().index, c.caller.credentials.uid, question, [settled](Agents::Answer answer) {
    switch (answer) {
      case Agents::Answer::show: return settled(nullptr);
      case Agents::Answer::refuse: return settled("which says ask, and the agent said no");
      case Agents::Answer::gone: return settled("which says ask, and the agent went away before it had answered");
    }
  });
  if (!asked) {
    not_shown(local, remote, rule, "which says ask, and " + asked.error().reason + "; " + asked.error().advice);
    return false;
  }
  question_ = std::move(*asked);
  question_timer_ = std::make_unique<Timer>(services_.loop);
  question_timer_->start(patience, [this, settled] {
    services_.agents.withdraw(question_);
    // The timer, and this with it, goes when it is settled.
    const auto keep = settled;
    keep("which says ask, and the agent did not answer in time");
  });
  return true;
}

void Handshake::ask_inside_job(const std::string& local, const std::string& remote, const authz::Disclosure& rule) {
  if (ASYNC_get_current_job() == nullptr) {
    return not_shown(local, remote, rule, "which says ask, and the handshake can't wait");
  }
  if (ask_agent(local, remote, rule, [this] { resume(); })) wait(Paused::agent);
  if (abandoned_) connection_->not_shown = "the handshake has ended";  // and whoever asked sees abandoned()
}

}  // namespace tlspool::worker
