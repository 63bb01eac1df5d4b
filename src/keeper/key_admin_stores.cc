// SPDX-License-Identifier: Apache-2.0
// What an administrator does with one-time keys: storing, taking out, counting and comparing them.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "counters/page.h"
#include "keeper/key_admin_job.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {
namespace {

using sharedkey::Direction;
using wire::KeyAdminKind;

constexpr std::size_t keys_a_step = 32;
constexpr std::uint32_t most_withdrawn = 10000;

std::string refusal_of(const Error& e) { return e.advice.empty() ? e.reason : e.reason + "; " + e.advice; }

}  // namespace

Peer KeyAdmin::peer_with_token(std::uint64_t number, const std::string& name) {
  const Peer peer = keys_.peer(name);
  const bool good = peer && peer->source == wire::KeySource::token;
  if (good) return peer;
  refuse(number, {Code::not_found, "use a key store", "peer=" + printable(name),
                  peer ? "its keys are not one-time keys of a token" : "no such [[peer]] in the configuration",
                  peer ? "set source = \"token\"" : ""});
  return nullptr;
}

void KeyAdmin::deposit(std::uint64_t number, wire::Deposit request) {
  auto job = std::make_shared<Job>();
  job->number = number;
  job->keys = std::move(request.keys);
  job->peer = peer_with_token(number, request.peer);
  if (job->peer) deposit_next(job);
}

void KeyAdmin::deposit_next(const JobPtr& job) {
  if (job->at == job->keys.size()) {
    log::info("keys.deposited", {{"peer", job->peer->name}, {"store", job->peer->store},
                                 {"stored", std::to_string(job->deposited.stored.size())},
                                 {"refused", std::to_string(job->deposited.refused.size())}});
    if (!job->deposited.stored.empty()) keys_.deposited(job->peer->store);
    return answer(job->number, KeyAdminKind::deposited, wire::encode(job->deposited));
  }
  const auto look = job->at == 0 ? TokenStore::Look::again : TokenStore::Look::if_needed;
  on_thread<Status>(
      job->peer->token, job->number,
      [job, look, &ledger = keys_.ledger()](TokenStore& store) -> Status {
        const wire::PeerSetup& peer = *job->peer;
        auto keys = store.index(store_of(peer), look);
        if (!keys) return fail(std::move(keys.error()));
        const auto refused = [&](const std::string& id, std::string reason) {
          job->deposited.refused.push_back({id, std::move(reason)});
        };
        for (std::size_t n = 0; n < keys_a_step && job->at < job->keys.size(); ++n) {
          wire::NumberedKey& key = job->keys[job->at++];
          const Secret value{ByteView{key.key}};
          wipe(key.key);
          auto id = sharedkey::id_from_text(peer.id_form, key.id);
          if (!id) {
            refused(printable(key.id), refusal_of(id.error()));
          } else if (value.size() < sharedkey::least_key_bytes || value.size() > sharedkey::most_key_bytes) {
            refused(printable(key.id), "a key of " + std::to_string(value.size()) + " bytes; 16 to 256 are possible");
          } else if (ledger.claimed(sharedkey::tombstone_of(peer.store, *id))) {
            refused(printable(key.id), "a key with this id was used before; an id is used once");
          } else if (auto done = store.deposit(store_of(peer), *id, value.bytes(), peer.mode); !done) {
            refused(printable(key.id), refusal_of(done.error()));
          } else {
            job->deposited.stored.push_back(sharedkey::id_text(peer.id_form, *id));
          }
        }
        return {};
      },
      [this, job](Status done) {
        if (!done && job->deposited.stored.empty()) return refuse(job->number, done.error());
        // What is stored is stored: the command must learn of it.
        for (; !done && job->at < job->keys.size(); ++job->at) {
          job->deposited.refused.push_back({printable(job->keys[job->at].id), refusal_of(done.error())});
        }
        deposit_next(job);
      });
}

void KeyAdmin::withdraw(std::uint64_t number, wire::Withdraw request) {
  auto job = std::make_shared<Job>();
  job->number = number;
  job->peer = peer_with_token(number, request.peer);
  if (!job->peer) return;
  const wire::PeerSetup& peer = *job->peer;
  const auto refuse_for = [&](std::string reason, std::string advice) {
    refuse(number, {Code::policy, "take keys out", subject_of(peer, {}), std::move(reason), std::move(advice)});
  };
  if (!peer.deliver) return refuse_for("keys of this peer may not leave the pool", "set deliver = true in the [[peer]]");
  if (peer.mode == wire::KeyMode::derived) return refuse_for("derived keys can't leave their token", {});
  if (request.count > most_withdrawn || request.ids.size() > most_withdrawn) return refuse_for("at most 10000 keys at once", {});
  std::vector<std::optional<Bytes>> wanted(request.ids.empty() ? request.count : 0);
  for (const std::string& text : request.ids) {
    auto id = sharedkey::id_from_text(peer.id_form, text);
    if (!id) return refuse(number, id.error());
    wanted.emplace_back(std::move(*id));
  }
  KeyThread* thread = keys_.thread(peer.token);
  if (thread == nullptr) return refuse_for("no such [[token]]", {});
  if (wanted.empty()) return answer(number, KeyAdminKind::withdrawn, wire::encode(job->withdrawn));
  job->pending = wanted.size();
  for (std::optional<Bytes>& id : wanted) {
    Claim claim;
    claim.store = store_of(peer);
    claim.id = std::move(id);
    claim.must_be_there = true;
    claim.skip = keys_.leases().reserved(peer.store);
    claim.done = [this, job, alive = std::weak_ptr<bool>(alive_), &mailbox = keys_.mailbox()](Claimed claimed) {
      auto shared = std::make_shared<Claimed>(std::move(claimed));
      mailbox.post([this, job, alive, shared] {
        if (alive.expired()) return;
        const wire::PeerSetup& of = *job->peer;
        if (shared->problem == wire::KeyProblem::none) {
          const std::string text = sharedkey::id_text(of.id_form, shared->id);
          counters::count<counters::Family::shared_keys>(counters::KeyEvent::claimed);
          log::info("key.claimed", {{"peer", of.name}, {"store", of.store}, {"key", text}, {"direction", "delivery"}});
          job->withdrawn.keys.push_back({text, copy_of(shared->secret.bytes())});
        } else if (shared->problem == wire::KeyProblem::failed) {
          job->problem = std::move(shared->error);
        }
        if (--job->pending > 0) return;
        if (job->withdrawn.keys.empty() && !job->problem.operation.empty()) return refuse(job->number, job->problem);
        answer(job->number, KeyAdminKind::withdrawn, wire::encode(job->withdrawn));
      });
    };
    thread->claim(std::move(claim));
  }
}

void KeyAdmin::status(std::uint64_t number) {
  auto job = std::make_shared<Job>();
  job->number = number;
  for (const auto& [name, peer] : keys_.peers()) job->peers.push_back(peer);
  status_of_next(job);
}

void KeyAdmin::status_of_next(const JobPtr& job) {
  if (job->at == job->peers.size()) return answer(job->number, KeyAdminKind::key_counted, wire::encode(job->counted));
  const Peer peer = job->peers[job->at++];
  const bool one_time = peer->source != wire::KeySource::psk;
  const auto row = std::make_shared<wire::KeyCount>();
  row->peer = peer->name;
  row->source = peer->source;
  row->use = peer->use;
  row->store = peer->store;
  row->used = one_time ? keys_.ledger().claimed_since_start(peer->store) : 0;
  row->leased = one_time ? static_cast<std::uint32_t>(keys_.leases().reserved(peer->store).size()) : 0;
  row->low_water = one_time ? peer->low_water : 0;
  row->roles = peer->roles;
  const auto next = [this, job, row] {
    job->counted.rows.push_back(*row);
    status_of_next(job);
  };
  if (peer->source == wire::KeySource::kme) {
    row->low_water = 0;  // Only the entity knows how many it has.
    if (!keys_.has_fetcher()) row->problem = "the fetcher does not run; see the log of the pool";
    return next();
  }
  if (keys_.thread(peer->token) == nullptr) {
    row->problem = "no such [[token]]: " + peer->token;
    return next();
  }
  on_thread<bool>(
      peer->token, job->number,
      [peer, row, one_time](TokenStore& store) {
        if (!one_time) {
          const auto there = store.has_lasting(peer->psk);
          if (!there) row->problem = there.error().text();
          if (there && !*there) row->problem = "token=" + peer->token + " has no key psk=" + peer->psk + "; tlspool psk add " + peer->psk;
          return true;
        }
        const auto keys = store.index(store_of(*peer), TokenStore::Look::again);
        if (!keys) {
          row->problem = keys.error().text();
          return true;
        }
        row->as_client = static_cast<std::uint32_t>((*keys)->count(Direction::outgoing));
        row->as_server = static_cast<std::uint32_t>((*keys)->count(Direction::incoming));
        return true;
      },
      [this, next, row, peer, one_time](bool) {
        if (one_time && row->problem.empty()) {
          row->used = keys_.ledger().claimed_since_start(peer->store);
          if ((peer->roles & wire::role_client) != 0) keys_.note_level(peer, Direction::outgoing, row->as_client);
          if ((peer->roles & wire::role_server) != 0) keys_.note_level(peer, Direction::incoming, row->as_server);
        }
        next();
      });
}

void KeyAdmin::audit(std::uint64_t number, wire::Audit request) {
  auto job = std::make_shared<Job>();
  job->number = number;
  job->peer = peer_with_token(number, request.peer);
  if (!job->peer) return;
  if (request.nonce.size() < 16 || request.nonce.size() > 64) {
    return refuse(number, {Code::invalid, "audit", "peer=" + job->peer->name, "a nonce has 16 to 64 bytes", {}});
  }
  job->nonce = std::move(request.nonce);
  using Ids = Result<std::vector<std::pair<Bytes, Direction>>>;
  on_thread<Ids>(
      job->peer->token, number,
      [peer = job->peer](TokenStore& store) -> Ids {
        auto keys = store.index(store_of(*peer), TokenStore::Look::again);
        if (!keys) return fail(std::move(keys.error()));
        return (*keys)->ids();
      },
      [this, job](Ids ids) {
        if (!ids) return refuse(job->number, ids.error());
        job->ids = std::move(*ids);
        audit_next(job);
      });
}

void KeyAdmin::audit_next(const JobPtr& job) {
  if (job->at == job->ids.size()) return answer(job->number, KeyAdminKind::audited, wire::encode(job->audited));
  std::vector<Bytes> ids;
  for (std::size_t i = job->at; i < std::min(job->at + keys_a_step, job->ids.size()); ++i) ids.push_back(job->ids[i].first);
  using Sums = Result<std::vector<Bytes>>;
  on_thread<Sums>(
      job->peer->token, job->number,
      [peer = job->peer, ids, nonce = job->nonce](TokenStore& store) { return store.check(store_of(*peer), ids, nonce); },
      [this, job](Sums sums) {
        if (!sums) return refuse(job->number, sums.error());
        for (Bytes& sum : *sums) {
          const auto& [id, direction] = job->ids[job->at++];
          if (sum.empty()) continue;  // gone meanwhile
          job->audited.rows.push_back({sharedkey::id_text(job->peer->id_form, id), direction == Direction::outgoing, std::move(sum)});
        }
        audit_next(job);
      });
}

}  // namespace tlspool::keeper
