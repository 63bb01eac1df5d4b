// SPDX-License-Identifier: Apache-2.0
// What the judge is asked: about certificates inside the handshake, about everything else when it has ended.
#include <openssl/async.h>

#include "worker/handshake.h"
#include "worker/question.h"

namespace tlspool::worker {
namespace {

constexpr const char* no_judge = "the judge can't be reached; try again in a moment";

}  // namespace

wire::ChainVerdict Handshake::judge(std::vector<Bytes> chain) {
  verdict_ = {};
  verdict_.check = "judge";
  verdict_.reason = no_judge;
  if (ASYNC_get_current_job() == nullptr) return verdict_;
  asked_ = services_.judge.ask(question_about(*connection_, ssl_.get(), network_.get(), std::move(chain)), [this](wire::ChainVerdict verdict) {
    verdict_ = std::move(verdict);
    resume();
  });
  if (asked_ != 0) wait(Paused::judge);
  if (abandoned_) verdict_.accepted = false;
  return verdict_;
}

// A shared key proves its peer, but a policy may want more than that; a resumed session and a peer without an identity may be met by a
// rule. Where nobody wrote either, nobody is asked.
std::optional<wire::ChainQuery> Handshake::last_question() const {
  const Connection& c = *connection_;
  const wire::WorkerSetup& setup = c.policy->setup();
  const bool by_certificate = !c.proved().how.empty() && !c.resumed(ssl_.get()) && !c.shared_key;
  if (c.for_pool || by_certificate) return std::nullopt;
  const bool ask = setup.has_rules || (c.shared_key && (setup.has_policies || setup.has_revoked || c.request.explain));
  if (!ask) return std::nullopt;
  wire::ChainQuery query = question_about(c, ssl_.get(), network_.get(), {});
  query.stage = c.shared_key ? wire::Stage::trust : wire::Stage::authorization;
  query.expected = c.proved().identity;
  query.proof = c.proved().proof;
  return query;
}

void Handshake::finish() {
  Connection& c = *connection_;
  if (c.shared_key) {
    const wire::PeerSetup& peer = *c.shared_key->peer;
    c.prove({peer.name, {peer.name}, "sharedKey", 0, {}, {}});
    if (c.local_identity.empty()) c.local_identity = peer.local_identity;
    c.local_shown = !c.local_identity.empty();
    c.shared_key->wipe_secrets();
  }
  const auto question = last_question();
  if (!question) return let_in();
  poll_->want(Poll::none);
  asked_ = services_.judge.ask(*question, [this](wire::ChainVerdict verdict) {
    waits_for_judge_ = false;
    last_verdict(std::move(verdict));
  });
  waits_for_judge_ = asked_ != 0;
  if (asked_ == 0) last_verdict({.check = "judge", .reason = no_judge});
}

void Handshake::last_verdict(wire::ChainVerdict verdict) {
  connection_->keep(std::move(verdict.attributes));
  // A resumed session is looked at by rules alone: what policy it was made by is not known any more.
  if (verdict.decided_by.policy.empty()) verdict.decided_by.policy = connection_->reasons().decided_by.policy;
  connection_->keep({std::move(verdict.decided_by), std::move(verdict.explanation)});
  if (verdict.accepted) return let_in();
  const std::string who = connection_->proved().identity.empty() ? "the peer" : connection_->proved().identity;
  give_up({"policy", "handshake: " + who + ": " + verdict.reason, verdict.check, verdict.certificate, {}, {}, false, connection_->reasons().explanation});
}

void Handshake::let_in() {
  const Connection& c = *connection_;
  const bool proved = !c.proved().how.empty();
  const bool named = c.request.remote_identity.empty() || c.proved().identity == c.request.remote_identity;
  // OpenSSL, or the choice of the peer, has seen to this already; here stands the one line that lets a peer in.
  if (c.request.proof == Proof::required && !(proved && named)) {
    return give_up({"certificate", "the peer proved no identity", "chain", {}, {}, {}, false});
  }
  // Whoever was revoked when the judge had said yes already, or was told of by a ticket.
  const wire::RevokedRow* revoked = services_.revoked == nullptr ? nullptr : services_.revoked->find(c.proved().facts());
  if (revoked != nullptr) {
    return give_up({"policy", "handshake: " + c.proved().identity + ": it was revoked, by its " + trust::text_of(*revoked), "revoked", {}, {}, {}, false, {}});
  }
  timer_.reset();
  if (OnDone done = std::move(on_done_)) done(nullptr);
}

}  // namespace tlspool::worker
