// SPDX-License-Identifier: Apache-2.0
// A client's key: the next of the outgoing direction, gone before the worker has it.
#include "base/log.h"
#include "counters/page.h"
#include "keeper/shared_keys.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {

using sharedkey::Direction;
using wire::KeyProblem;

namespace {

// While takes wait, the token is looked at: another program may put keys into it.
constexpr std::chrono::milliseconds between_looks{1000};

std::string advice_of(const wire::PeerSetup& peer) { return "tlspool qkd fetch " + peer.name; }

}  // namespace

void SharedKeys::take(const AskPtr& ask) {
  const Peer peer = ask->peer;
  switch (peer->source) {
    case wire::KeySource::psk: {
      KeyThread* with = thread(peer->token);
      if (with == nullptr) {
        return refuse(*ask, KeyProblem::failed, {Code::token_missing, "take a key", subject_of(*peer, {}), "no such [[token]]", {}});
      }
      return with->run([this, ask, derivation = derivation_of(peer, Direction::outgoing, {})](TokenStore* store) {
        auto secret = std::make_shared<Result<std::optional<Secret>>>(store->read_lasting(ask->peer->psk, derivation));
        mailbox_.post([this, ask, secret] { took_lasting(ask, std::move(*secret)); });
      });
    }
    case wire::KeySource::kme:
      return kme_.take(peer, [this, ask](tl::expected<KmeKeys::Key, KeyRefusal> key) { took_from_kme(ask, std::move(key)); });
    case wire::KeySource::token: break;
  }
  KeyThread* with = thread(peer->token);
  if (with == nullptr) {
    return refuse(*ask, KeyProblem::failed, {Code::token_missing, "take a key", subject_of(*peer, {}), "no such [[token]]", {}});
  }
  Claim claim;
  claim.store = store_of(*peer);
  claim.direction = Direction::outgoing;
  claim.derivation = derivation_of(peer, Direction::outgoing, {});
  claim.done = [this, ask](Claimed claimed) {
    auto shared = std::make_shared<Claimed>(std::move(claimed));
    mailbox_.post([this, ask, shared] { took(ask, std::move(*shared)); });
  };
  with->claim(std::move(claim));
}

void SharedKeys::took(const AskPtr& ask, Claimed claimed) {
  const wire::PeerSetup& peer = *ask->peer;
  if (claimed.problem == KeyProblem::exhausted) {
    levels_.note(peer, Direction::outgoing, 0);
    return wait_or_refuse(ask, std::move(claimed.error));
  }
  if (claimed.problem != KeyProblem::none) {
    claimed.error.subject = subject_of(peer, claimed.id);
    return refuse(*ask, claimed.problem, claimed.error);
  }
  levels_.note(peer, Direction::outgoing, claimed.left);
  if (claimed.secret.size() < sharedkey::least_key_bytes || claimed.secret.size() > sharedkey::most_key_bytes) {
    return refuse(*ask, KeyProblem::failed,
                  {Code::invalid, "take a key", subject_of(peer, claimed.id), "the token has a key of " +
                   std::to_string(claimed.secret.size()) + " bytes, which is burned", "store keys of 16 to 256 bytes"});
  }
  give(*ask, claimed.id, std::move(claimed.secret), claimed.left);
}

void SharedKeys::took_lasting(const AskPtr& ask, Result<std::optional<Secret>> secret) {
  const wire::PeerSetup& peer = *ask->peer;
  if (!secret) {
    secret.error().subject = subject_of(peer, {});
    return refuse(*ask, KeyProblem::failed, secret.error());
  }
  if (!secret->has_value()) {
    return refuse(*ask, KeyProblem::unknown,
                  {Code::not_found, "take a key", subject_of(peer, {}), "the token has no such key", "tlspool psk add " + peer.psk});
  }
  give(*ask, copy_of(view(peer.psk)), std::move(**secret), 0);
}

void SharedKeys::took_from_kme(const AskPtr& ask, tl::expected<KmeKeys::Key, KeyRefusal> key) {
  if (!key) return refuse(*ask, key.error().problem, key.error().error);
  auto held = std::make_shared<KmeKeys::Key>(std::move(*key));
  Claim claim;
  claim.store = store_of(*ask->peer);
  claim.id = held->id;
  claim.in_token = false;
  claim.done = [this, ask, held](Claimed claimed) {
    auto shared = std::make_shared<Claimed>(std::move(claimed));
    mailbox_.post([this, ask, held, shared] {
      if (shared->problem != KeyProblem::none) {
        shared->error.subject = subject_of(*ask->peer, held->id);
        return refuse(*ask, shared->problem, shared->error);
      }
      give(*ask, held->id, std::move(held->secret), 0);
    });
  };
  thread({})->claim(std::move(claim));
}

void SharedKeys::give(const Ask& ask, const Bytes& id, Secret secret, std::size_t left) {
  const wire::PeerSetup& peer = *ask.peer;
  wire::KeyAnswer out;
  out.peer = peer.name;
  out.identity = identity_of(peer, id);
  out.key_id = key_text(peer, id);
  out.left = static_cast<std::uint32_t>(left);
  if (out.identity.size() > peer.longest_identity) {
    return refuse(ask, KeyProblem::failed,
                  {Code::config, "name the key", subject_of(peer, id), "the identity would have " +
                   std::to_string(out.identity.size()) + " bytes", "raise longest_identity, or take shorter addresses"});
  }
  out.secret = copy_of(secret.bytes());
  const std::string key = out.key_id;
  const bool lasting = peer.source == wire::KeySource::psk;
  const std::string store = lasting ? std::string{} : peer.store;
  if (answer(ask, std::move(out))) {
    counters::count<counters::Family::shared_keys>(counters::KeyEvent::claimed);
    log::info("key.claimed", {{"peer", peer.name}, {"store", store}, {"key", key}, {"direction", "client"},
                              {"left", lasting ? std::string{} : std::to_string(left)}});
  } else if (!lasting) {
    counters::count<counters::Family::shared_keys>(counters::KeyEvent::burned);
    log::info("key.burned", {{"peer", peer.name}, {"store", store}, {"key", key}, {"direction", "client"},
                             {"reason", "the worker that asked for it has gone"}});
  }
}

void SharedKeys::wait_or_refuse(const AskPtr& ask, Error error) {
  const wire::PeerSetup& peer = *ask->peer;
  const auto now = Clock::now();
  if (peer.exhausted == wire::Exhausted::wait) {
    if (ask->until == Clock::time_point{}) {
      ask->until = now + std::chrono::milliseconds{std::min(peer.wait_ms, ask->request.wait_ms)};
    }
    if (now < ask->until && workers_.contains(ask->channel)) {
      waiting_.push_back(ask);
      return plan_waiting();
    }
  }
  error.subject = subject_of(peer, {});
  error.advice = advice_of(peer);
  refuse(*ask, KeyProblem::exhausted, error);
}

void SharedKeys::deposited(const std::string& store) { retry_waiting(store); }

void SharedKeys::retry_waiting(const std::string& store) {
  std::vector<AskPtr> again;
  std::erase_if(waiting_, [&](const AskPtr& ask) {
    const bool meant = store.empty() || ask->peer->store == store;
    if (meant) again.push_back(ask);
    return meant;
  });
  for (const AskPtr& ask : again) take(ask);
}

// The last look is at the end of the time, so that what came in time is not missed.
void SharedKeys::plan_waiting() {
  if (next_look_ <= Clock::now()) next_look_ = Clock::now() + between_looks;
  auto first = next_look_;
  for (const AskPtr& ask : waiting_) first = std::min(first, ask->until);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now());
  waiting_timer_.start(std::max(wait, std::chrono::milliseconds{1}), [this] { retry_waiting({}); });
}

}  // namespace tlspool::keeper
