// SPDX-License-Identifier: Apache-2.0
// A server's key: held for one handshake, consumed when the peer has proved that it has it, too.
#include "base/log.h"
#include "base/text.h"
#include "counters/page.h"
#include "keeper/shared_keys.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {

using sharedkey::Direction;
using wire::KeyProblem;

namespace {

constexpr std::size_t most_attempts = 32;  // of one session id at once

Error over() {
  return {Code::timeout, "settle a key", "", "the lease is over", "the handshake took more than 10 minutes, or named another's lease"};
}

}  // namespace

void SharedKeys::lease(const AskPtr& ask) {
  const wire::PeerSetup& peer = *ask->peer;
  const wire::KeyRequest& wanted = ask->request;
  if (failures_.throttled(peer.name, Clock::now())) {
    return refuse(*ask, KeyProblem::throttled,
                  {Code::busy, "lease a key", subject_of(peer, wanted.id), "too many handshakes with keys of this peer failed",
                   "it is served again in a minute; see whether both sites have the same keys"});
  }
  const bool derived = peer.mode == wire::KeyMode::derived;
  if (wanted.derived != derived && peer.source != wire::KeySource::psk) {
    return refuse(*ask, KeyProblem::unknown,
                  {Code::config, "lease a key", subject_of(peer, wanted.id), derived ? "the identity does not say that the key is derived"
                   : "the identity says that the key is derived", "set the same mode on both sites"});
  }
  switch (peer.source) {
    case wire::KeySource::psk: {
      KeyThread* with = thread(peer.token);
      if (with == nullptr) {
        return refuse(*ask, KeyProblem::failed, {Code::token_missing, "lease a key", subject_of(peer, {}), "no such [[token]]", {}});
      }
      return with->run([this, ask, derivation = derivation_of(ask->peer, Direction::incoming, wanted.identity)](TokenStore* store) {
        auto secret = std::make_shared<Result<std::optional<Secret>>>(store->read_lasting(ask->peer->psk, derivation));
        mailbox_.post([this, ask, secret] { leased(ask, Lease::Of::lasting_key, {}, std::move(*secret), 0); });
      });
    }
    case wire::KeySource::token: return lease_of_token(ask);
    case wire::KeySource::kme: return lease_of_kme(ask);
  }
}

void SharedKeys::lease_of_token(const AskPtr& ask) {
  const wire::PeerSetup& peer = *ask->peer;
  const Bytes& id = ask->request.id;
  if (id.empty() || sharedkey::direction_of(id, peer.address, peer.store) != Direction::incoming) {
    return refuse(*ask, KeyProblem::unknown,
                  {Code::policy, "lease a key", subject_of(peer, id), "the key is of the other direction",
                   "only we may use it as a client; the other site's address or key store is set up wrongly"});
  }
  KeyThread* with = thread(peer.token);
  if (with == nullptr) {
    return refuse(*ask, KeyProblem::failed, {Code::token_missing, "lease a key", subject_of(peer, id), "no such [[token]]", {}});
  }
  if (!leases_.reserve(peer.store, id)) {
    return refuse(*ask, KeyProblem::used,
                  {Code::busy, "lease a key", subject_of(peer, id), "another connection is using it", {}});
  }
  with->run([this, ask, derivation = derivation_of(ask->peer, Direction::incoming, ask->request.identity)](TokenStore* store) {
    const StoreName name = store_of(*ask->peer);
    const Bytes& id = ask->request.id;
    auto secret = std::make_shared<Result<std::optional<Secret>>>(std::nullopt);
    std::size_t left = 0;
    if (auto keys = store->index(name, TokenStore::Look::if_needed); !keys) {
      *secret = fail(std::move(keys.error()));
    } else if (!ledger_.claimed(sharedkey::tombstone_of(name.label, id))) {
      *secret = store->read(name, id, derivation);
      left = (*keys)->count(Direction::incoming);
    }
    mailbox_.post([this, ask, secret, left] {
      leased(ask, Lease::Of::token_key, ask->request.id, std::move(*secret), left);
    });
  });
}

void SharedKeys::lease_of_kme(const AskPtr& ask) {
  const wire::PeerSetup& peer = *ask->peer;
  const Bytes& id = ask->request.id;
  if (!leases_.reserve(peer.store, id)) {
    return refuse(*ask, KeyProblem::used,
                  {Code::busy, "lease a key", subject_of(peer, id), "another connection is using it", {}});
  }
  // The ledger is opened by a thread, since that may take time.
  thread({})->run([this, ask](TokenStore*) {
    const Status ready = ledger_.ready();
    const bool claimed = ready && ledger_.claimed(sharedkey::tombstone_of(ask->peer->store, ask->request.id));
    mailbox_.post([this, ask, ready, claimed] {
      const Bytes& id = ask->request.id;
      if (!ready) return leased(ask, Lease::Of::kme_key, id, fail(ready.error()), 0);
      if (claimed) return leased(ask, Lease::Of::kme_key, id, std::optional<Secret>{}, 0);
      kme_.lease(ask->peer, id, [this, ask, id](tl::expected<KmeKeys::Key, KeyRefusal> key) {
        if (key) return leased(ask, Lease::Of::kme_key, id, std::optional<Secret>{std::move(key->secret)}, 0);
        leases_.release(ask->peer->store, id);
        failures_.of_peer(ask->peer->name, Clock::now());
        refuse(*ask, key.error().problem, key.error().error);
      });
    });
  });
}

void SharedKeys::leased(const AskPtr& ask, Lease::Of of, const Bytes& id, Result<std::optional<Secret>> secret, std::size_t left) {
  const wire::PeerSetup& peer = *ask->peer;
  const bool reserved = of != Lease::Of::lasting_key;
  const auto give_up = [&](KeyProblem problem, Error error) {
    if (reserved) leases_.release(peer.store, id);
    error.subject = subject_of(peer, id);
    refuse(*ask, problem, error);
  };
  if (!secret) return give_up(KeyProblem::failed, std::move(secret.error()));
  if (!secret->has_value()) {
    if (!reserved) return give_up(KeyProblem::unknown, {Code::not_found, "lease a key", {}, "the token has no such key", "tlspool psk add " + peer.psk});
    const bool used = ledger_.claimed(sharedkey::tombstone_of(peer.store, id));
    if (used) return give_up(KeyProblem::used, {Code::busy, "lease a key", {}, "it was used before", "the peer takes another key for its next connection"});
    return give_up(KeyProblem::unknown, {Code::not_found, "lease a key", {}, "the token has no such key",
                                         "compare the two sites with `tlspool qkd audit " + peer.name + "`"});
  }
  const std::size_t size = (*secret)->size();
  if (size < sharedkey::least_key_bytes || size > sharedkey::most_key_bytes) {
    return give_up(KeyProblem::failed, {Code::invalid, "lease a key", {}, "the key has " + std::to_string(size) + " bytes",
                                        "store keys of 16 to 256 bytes"});
  }
  if (!workers_.contains(ask->channel)) {
    if (reserved) leases_.release(peer.store, id);
    return;
  }
  wire::KeyAnswer out;
  out.peer = peer.name;
  out.key_id = key_text(peer, id);
  out.secret = copy_of((*secret)->bytes());
  const std::size_t others = leases_.reserved(peer.store).size();
  out.left = of == Lease::Of::token_key ? static_cast<std::uint32_t>(left > others ? left - others : 0) : 0;
  if (of == Lease::Of::token_key) levels_.note(peer, Direction::incoming, out.left);
  out.lease = leases_.add({of, ask->channel, ask->peer, id, {}}, Clock::now());
  plan_leases();
  log::debug("key.leased", {{"peer", peer.name}, {"store", peer.store}, {"key", out.key_id}, {"direction", "server"}});
  (void)answer(*ask, std::move(out));
}

void SharedKeys::seed_client(const AskPtr& ask) {
  phantoms_.of_peer(ask->peer, [this, ask](Result<const PhantomSession*> session) {
    if (!session) return refuse(*ask, KeyProblem::failed, session.error());
    seeded(ask, **session, 0);
  });
}

void SharedKeys::seed_server(const AskPtr& ask) {
  phantoms_.of_id(ask->request.id, [this, ask](Result<const PhantomSession*> session) {
    if (!session) {
      const bool unknown = session.error().code == Code::not_found;
      if (!unknown) return refuse(*ask, KeyProblem::failed, session.error());
      // Every TLS 1.2 client that resumes a session of its own comes by here.
      wire::KeyAnswer out;
      out.problem = KeyProblem::unknown;
      out.message = session.error().text();
      (void)answer(*ask, std::move(out));
      return;
    }
    const PhantomSession& found = **session;
    ask->peer = found.peer;
    const auto throttle = [&](const std::string& reason) {
      refuse(*ask, KeyProblem::throttled, {Code::busy, "seed a session", "peer=" + found.peer->name + " psk=" + found.peer->psk, reason, {}});
    };
    if ((found.peer->roles & wire::role_server) == 0) {
      return refuse(*ask, KeyProblem::unknown, {Code::policy, "seed a session", "peer=" + found.peer->name, "we may not be its server", {}});
    }
    if (const auto wait = phantoms_.wait(found.id); wait > 0) {
      return throttle("a resumption failed; the session may be tried again in " + std::to_string(wait) + " s");
    }
    if (leases_.attempts(found.id) >= most_attempts) return throttle("32 connections are trying it just now");
    if (!workers_.contains(ask->channel)) return;
    const std::uint64_t lease = leases_.add({Lease::Of::session, ask->channel, found.peer, found.id, {}}, Clock::now());
    plan_leases();
    seeded(ask, found, lease);
  });
}

void SharedKeys::seeded(const AskPtr& ask, const PhantomSession& session, std::uint64_t lease) {
  wire::KeyAnswer out;
  out.lease = lease;
  out.peer = session.peer->name;
  out.secret = copy_of(session.master.bytes());
  out.session_id = session.id;
  out.key_id = session.peer->psk;
  log::debug("key.leased", {{"peer", session.peer->name}, {"key", session.peer->psk}, {"session", hex(session.id)}});
  (void)answer(*ask, std::move(out));
}

void SharedKeys::settle(std::uint64_t channel, std::uint64_t number, const wire::KeySettle& settle) {
  auto lease = leases_.end(settle.lease, channel);
  plan_leases();
  if (!lease) return settled(channel, number, fail(over()));
  const auto answer_good = [this, channel, number] { settled(channel, number, {}); };
  if (lease->of == Lease::Of::session) {
    if (settle.verified) return phantoms_.succeeded(lease->id, answer_good);
    log::info("session.not_resumed", {{"peer", lease->peer->name}, {"session", hex(lease->id)}});
    return phantoms_.failed(lease->id, answer_good);
  }
  if (settle.verified) return consume(std::move(*lease), channel, number);
  ended_as_failed(*lease);
  answer_good();
}

void SharedKeys::consume(Lease lease, std::uint64_t channel, std::uint64_t number) {
  const wire::PeerSetup& peer = *lease.peer;
  if (lease.of == Lease::Of::lasting_key) {
    counters::count<counters::Family::shared_keys>(counters::KeyEvent::consumed);
    log::info("key.consumed", {{"peer", peer.name}, {"key", peer.psk}, {"direction", "server"}});
    return settled(channel, number, {});
  }
  const bool in_token = lease.of == Lease::Of::token_key;
  KeyThread* with = thread(in_token ? peer.token : std::string{});
  if (with == nullptr) {
    leases_.release(peer.store, lease.id);
    return settled(channel, number, fail({Code::token_missing, "consume a key", subject_of(peer, lease.id), "no such [[token]]", {}}));
  }
  Claim claim;
  claim.store = store_of(peer);
  claim.id = lease.id;
  claim.direction = Direction::incoming;
  claim.want = TokenStore::Want::nothing;
  claim.in_token = in_token;
  claim.done = [this, lease, channel, number](Claimed claimed) {
    auto shared = std::make_shared<Claimed>(std::move(claimed));
    mailbox_.post([this, lease, channel, number, shared] {
      const wire::PeerSetup& of = *lease.peer;
      leases_.release(of.store, lease.id);
      failures_.forget(of.store, lease.id);
      kme_.forget(of.store, lease.id);
      if (shared->problem == KeyProblem::none) {
        counters::count<counters::Family::shared_keys>(counters::KeyEvent::consumed);
        log::info("key.consumed", {{"peer", of.name}, {"store", of.store}, {"key", key_text(of, lease.id)}, {"direction", "server"}});
        return settled(channel, number, {});
      }
      shared->error.subject = subject_of(of, lease.id);
      counters::count<counters::Family::shared_keys>(counters::KeyEvent::refused);
      log::warning("key.refused", {{"peer", of.name}, {"problem", shared->error.text()}});
      settled(channel, number, fail(std::move(shared->error)));
    });
  };
  with->claim(std::move(claim));
}

void SharedKeys::ended_as_failed(const Lease& lease) {
  const wire::PeerSetup& peer = *lease.peer;
  if (lease.of == Lease::Of::session) return phantoms_.failed(lease.id, [] {});
  failures_.of_peer(peer.name, Clock::now());
  if (lease.of == Lease::Of::lasting_key) return;
  if (failures_.of_key(peer.store, lease.id) == Failures::Key::burn) return burn(lease);
  leases_.release(peer.store, lease.id);
}

void SharedKeys::burn(const Lease& lease) {
  const wire::PeerSetup& peer = *lease.peer;
  counters::count<counters::Family::shared_keys>(counters::KeyEvent::burned);
  log::warning("key.burned", {{"peer", peer.name}, {"store", peer.store}, {"key", key_text(peer, lease.id)},
                              {"direction", "server"}, {"reason", "ten handshakes with it failed"}});
  const bool in_token = lease.of == Lease::Of::token_key;
  KeyThread* with = thread(in_token ? peer.token : std::string{});
  if (with == nullptr) return leases_.release(peer.store, lease.id);
  Claim claim;
  claim.store = store_of(peer);
  claim.id = lease.id;
  claim.want = TokenStore::Want::nothing;
  claim.in_token = in_token;
  claim.done = [this, lease](const Claimed&) {
    mailbox_.post([this, lease] {
      leases_.release(lease.peer->store, lease.id);
      kme_.forget(lease.peer->store, lease.id);
    });
  };
  with->claim(std::move(claim));
}

void SharedKeys::plan_leases() {
  const auto due = leases_.next_due();
  if (!due) return lease_timer_.stop();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now());
  lease_timer_.start(std::max(wait, std::chrono::milliseconds{1}), [this] {
    for (const Lease& lease : leases_.end_due(Clock::now())) ended_as_failed(lease);
    plan_leases();
  });
}

}  // namespace tlspool::keeper
