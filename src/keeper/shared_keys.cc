// SPDX-License-Identifier: Apache-2.0
#include "keeper/shared_keys.h"

#include "base/log.h"
#include "base/text.h"
#include "counters/page.h"
#include "keeper/key_admin.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {

using wire::KeyProblem;

namespace {
// As many as a worker has handshakes that wait.
constexpr std::size_t most_unanswered = 1024;
constexpr unsigned most_logged = 100;  // refusals of one worker in a second
}  // namespace

std::string key_text(const wire::PeerSetup& peer, ByteView id) {
  if (peer.source == wire::KeySource::psk) return peer.psk;
  return sharedkey::id_text(peer.id_form, id);
}

std::string subject_of(const wire::PeerSetup& peer, ByteView id) {
  std::string out = "peer=" + peer.name;
  if (peer.source != wire::KeySource::psk) out += " store=" + peer.store;
  if (peer.source != wire::KeySource::kme) out += " token=" + peer.token;
  if (!id.empty() || peer.source == wire::KeySource::psk) out += " key=" + key_text(peer, id);
  return out;
}

Derivation derivation_of(const Peer& peer, sharedkey::Direction direction, const Bytes& identity) {
  if (peer->mode == wire::KeyMode::plain) return {};
  const bool client = direction == sharedkey::Direction::outgoing;
  return [peer, client, identity](ByteView id) {
    const Bytes said = identity.empty() ? identity_of(*peer, id) : identity;
    return sharedkey::derivation_input(client ? peer->address : peer->store, client ? peer->store : peer->address, said,
                                       peer->tls13, peer->hash);
  };
}

Bytes identity_of(const wire::PeerSetup& peer, ByteView id) {
  if (peer.identity_form == wire::IdentityForm::text) return copy_of(view(peer.identity));
  const bool lasting = peer.source == wire::KeySource::psk;
  const std::string text =
      sharedkey::write_identity(peer.identity_form, lasting ? wire::IdForm::text : peer.id_form, peer.address,
                                lasting ? view(peer.psk) : id, peer.mode == wire::KeyMode::derived);
  return copy_of(view(text));
}

SharedKeys::SharedKeys(Loop& loop, FindToken find_token)
    : loop_(loop), find_token_(std::move(find_token)), mailbox_(loop), ledger_("ledger"), owner_("owner"), fetcher_(loop),
      kme_(loop, fetcher_, [this](const std::string& store, const Bytes& id) {
        counters::count<counters::Family::shared_keys>(counters::KeyEvent::burned);
        log::info("key.burned", {{"store", store}, {"key", sharedkey::id_text(wire::IdForm::uuid, id)}, {"reason", "the key management entity gave it out once"}});
        Claim claim;
        claim.store.label = store;
        claim.id = id;
        claim.in_token = false;
        claim.done = [](const Claimed&) {};
        thread({})->claim(std::move(claim));
      }),
      phantoms_(mailbox_, [this](const std::string& token) { return thread(token); },
                [this](const std::string& token) {
                  const auto found = find_token_(token);
                  return found && found->state() == wire::TokenState::ready ? thread(token) : nullptr;
                },
                "throttle"),
      waiting_timer_(loop), lease_timer_(loop) {
  // What one batch of a key thread led to reaches a worker at once.
  mailbox_.around(
      [this] {
        for (auto& [number, worker] : workers_) worker->hold();
      },
      [this] {
        for (auto& [number, worker] : workers_) worker->release();
      });
}

SharedKeys::~SharedKeys() {
  threads_.clear();
}

void SharedKeys::apply(std::vector<wire::PeerSetup> peers, std::vector<std::string> tokens) {
  tokens_ = std::move(tokens);
  peers_.clear();
  for (wire::PeerSetup& peer : peers) {
    std::string name = peer.name;
    peers_[name] = std::make_shared<const wire::PeerSetup>(std::move(peer));
  }
  phantoms_.apply(peers_);
  // The keys are looked up before the first connection wants one.
  for (const auto& [name, peer] : peers_) {
    if (peer->source != wire::KeySource::token || peer->use != wire::KeyUse::psk) continue;
    KeyThread* with = thread(peer->token);
    if (with == nullptr) continue;
    with->run([this, peer = peer](TokenStore* store) {
      auto keys = store->index(store_of(*peer), TokenStore::Look::if_needed);
      if (!keys) return;
      const std::size_t out = (*keys)->count(sharedkey::Direction::outgoing);
      const std::size_t in = (*keys)->count(sharedkey::Direction::incoming);
      mailbox_.post([this, peer, out, in] {
        if ((peer->roles & wire::role_client) != 0) note_level(peer, sharedkey::Direction::outgoing, out);
        if ((peer->roles & wire::role_server) != 0) note_level(peer, sharedkey::Direction::incoming, in);
      });
    });
  }
}

Peer SharedKeys::peer(const std::string& name) const {
  const auto at = peers_.find(name);
  return at == peers_.end() ? nullptr : at->second;
}

KeyThread* SharedKeys::thread(const std::string& token) {
  const auto there = token.empty() ? nullptr : find_token_(token);
  if (!token.empty() && (!there || !there->configured())) return nullptr;
  auto& out = threads_[token];
  if (!out) out = std::make_unique<KeyThread>(there, ledger_, owner_);
  return out.get();
}

void SharedKeys::serve_worker(UniqueFd socket) {
  const std::uint64_t number = ++last_channel_;
  Channel::Limits limits = Channel::for_server("worker");
  // One worker's requests are nobody else's wait: all are served in the order in which they came.
  limits.unanswered = most_unanswered;
  workers_[number] = std::make_unique<Channel>(
      loop_, std::move(socket), std::move(limits),
      [this, number](Frame frame) {
        took_frame(number, frame);
        wipe(frame.body);
      },
      [this, number] { closed(number); });
}

void SharedKeys::serve_admin(UniqueFd socket) {
  const std::uint64_t number = ++last_channel_;
  admins_[number] = std::make_unique<KeyAdmin>(loop_, *this, number, std::move(socket));
}

void SharedKeys::close_admin(std::uint64_t number) { admins_.erase(number); }

void SharedKeys::closed(std::uint64_t channel) {
  workers_.erase(channel);
  std::erase_if(waiting_, [&](const AskPtr& ask) { return ask->channel == channel; });
  for (const Lease& lease : leases_.end_channel(channel)) ended_as_failed(lease);
  plan_leases();
}

void SharedKeys::took_frame(std::uint64_t channel, const Frame& frame) {
  if (frame.kind == wire::Kind::key_request) {
    if (auto wanted = wire::decode<wire::KeyRequest>(frame.body)) {
      auto ask = std::make_shared<Ask>();
      ask->channel = channel;
      ask->number = frame.number;
      ask->request = std::move(*wanted);
      return request(std::move(ask));
    }
  }
  if (frame.kind == wire::Kind::key_settle) {
    if (auto wanted = wire::decode<wire::KeySettle>(frame.body)) return settle(channel, frame.number, *wanted);
  }
  // A worker that is in its right mind sends no such thing.
  counters::count<counters::Family::shared_keys>(counters::KeyEvent::refused);
  log::warning("key.refused", {{"reason", "a malformed request"}, {"kind", std::to_string(frame.kind)}});
  closed(channel);
}

void SharedKeys::request(AskPtr ask) {
  const wire::KeyRequest& wanted = ask->request;
  if (wanted.operation == wire::KeyOperation::seed_server) return seed_server(ask);
  ask->peer = peer(wanted.peer);
  const auto refuse_use = [&](const char* reason) {
    refuse(*ask, KeyProblem::failed, {Code::not_found, "use a shared key", "peer=" + printable(wanted.peer), reason, {}});
  };
  if (!ask->peer) return refuse_use("no such [[peer]] in the configuration");
  const bool session = ask->peer->use == wire::KeyUse::session;
  const auto has_role = [&](wire::RoleBits role) { return (ask->peer->roles & role) != 0; };
  switch (wanted.operation) {
    case wire::KeyOperation::take:
      if (session || !has_role(wire::role_client)) return refuse_use("we may not be its client with a pre-shared key");
      return take(ask);
    case wire::KeyOperation::lease:
      if (session || !has_role(wire::role_server)) return refuse_use("we may not be its server with a pre-shared key");
      return lease(ask);
    case wire::KeyOperation::seed_client:
      if (!session || !has_role(wire::role_client)) return refuse_use("we may not be its client with a seeded session");
      return seed_client(ask);
    case wire::KeyOperation::seed_server: break;
  }
  refuse_use("an unknown operation");
}

bool SharedKeys::answer(const Ask& ask, wire::KeyAnswer answer) {
  const auto at = workers_.find(ask.channel);
  if (at != workers_.end()) {
    Bytes body = wire::encode(answer);
    at->second->send(wire::Kind::key_answer, ask.number, body);
    wipe(body);
  }
  wipe(answer.secret);
  return at != workers_.end();
}

// One worker that was taken over must not fill the log, in which the others' lines stand, too.
bool SharedKeys::may_log(std::uint64_t channel) {
  Refusals& of = refusals_[channel];
  const auto now = Clock::now();
  if (now - of.since >= std::chrono::seconds{1}) {
    if (of.count > most_logged) log::warning("key.refused", {{"reason", "requests of one worker"}, {"more", std::to_string(of.count - most_logged)}});
    of = {now, 0};
  }
  return ++of.count <= most_logged;
}

void SharedKeys::refuse(const Ask& ask, KeyProblem problem, const Error& error) {
  counters::count<counters::Family::shared_keys>(counters::KeyEvent::refused);
  if (may_log(ask.channel)) log::warning("key.refused", {{"peer", ask.peer ? ask.peer->name : printable(ask.request.peer)}, {"problem", error.text()}});
  wire::KeyAnswer out;
  out.problem = problem;
  out.message = error.text();
  if (ask.peer) {
    out.peer = ask.peer->name;
    if (!ask.request.id.empty()) out.key_id = key_text(*ask.peer, ask.request.id);
  }
  (void)answer(ask, std::move(out));
}

void SharedKeys::settled(std::uint64_t channel, std::uint64_t number, const Status& outcome) {
  const auto at = workers_.find(channel);
  if (at == workers_.end()) return;
  const wire::KeySettled body{outcome.has_value(), outcome ? std::string{} : outcome.error().text()};
  at->second->send(wire::Kind::key_settled, number, wire::encode(body));
}

}  // namespace tlspool::keeper
