// SPDX-License-Identifier: Apache-2.0
#include "keeper/phantoms.h"

#include <ctime>

#include "base/durable.h"
#include "base/log.h"
#include "base/text.h"
#include "sharedkey/derive.h"

namespace tlspool::keeper {
namespace {

constexpr std::chrono::seconds between_asks{1};

std::int64_t now() { return std::time(nullptr); }

std::string subject_of(const wire::PeerSetup& peer) {
  return "peer=" + peer.name + " psk=" + peer.psk + " token=" + peer.token;
}

// TLS 1.2 suites have the PRF of their hash, and SHA-256 where they name an older one (RFC 5246 section 5).
wire::KeyHash prf_of(const std::string& suite) {
  return suite.ends_with("SHA384") ? wire::KeyHash::sha384 : wire::KeyHash::sha256;
}

Result<PhantomSession> make_session(const Peer& peer, TokenStore& store) {
  auto secret = store.read_lasting(peer->psk, {});
  if (!secret) return fail(std::move(secret.error()));
  if (!secret->has_value()) {
    return fail({Code::not_found, "find the shared secret", subject_of(*peer), "the token has no such key",
                 "tlspool psk add " + peer->psk});
  }
  auto master = sharedkey::phantom_master_secret((*secret)->bytes(), peer->seed, prf_of(peer->suite));
  if (!master) return fail(std::move(master.error()));
  auto id = sharedkey::phantom_session_id((*secret)->bytes(), peer->user, peer->session_id);
  if (!id) return fail(std::move(id.error()));
  return PhantomSession{peer, std::move(*id), std::move(*master)};
}

}  // namespace

void Phantoms::apply(const std::map<std::string, Peer>& peers) {
  wanted_.clear();
  for (const auto& [name, peer] : peers) {
    if (peer->use == wire::KeyUse::session) wanted_[name].peer = peer;
  }
  forget();
  if (wanted_.empty() || loaded_) return;
  loaded_ = true;
  auto file = read_whole(throttle_file_);
  if (file && file->empty()) return;
  auto throttle = file ? sharedkey::Throttle::read(*file) : fail(std::move(file.error()));
  if (throttle) {
    throttle_ = std::move(*throttle);
    saved_ = std::move(*file);
  } else {
    log::error("throttle.unreadable", {{"file", "keeper/" + throttle_file_}, {"problem", throttle.error().text()}});
  }
}

void Phantoms::forget() {
  ++setup_;
  names_.clear();
  for (auto& [name, wanted] : wanted_) {
    wanted.session.reset();
    wanted.asking = false;
    wanted.tried = {};
  }
  // What waits is asked for anew.
  if (waiting_.empty()) return;
  for (auto& [name, wanted] : wanted_) make(wanted);
  serve_waiting();
}

void Phantoms::make(Wanted& wanted) {
  if (wanted.session || wanted.asking || Clock::now() - wanted.tried < between_asks) return;
  KeyThread* thread = find_thread_(wanted.peer->token);
  if (thread == nullptr) {
    wanted.problem = {Code::token_missing, "find the shared secret", subject_of(*wanted.peer), "no such [[token]]", {}};
    return;
  }
  wanted.tried = Clock::now();
  wanted.asking = true;
  thread->run([this, peer = wanted.peer, of = setup_](TokenStore* store) {
    auto session = std::make_shared<Result<PhantomSession>>(make_session(peer, *store));
    mailbox_.post([this, peer, of, session] { made(peer, of, std::move(*session)); });
  });
}

void Phantoms::made(const Peer& peer, std::uint64_t of, Result<PhantomSession> session) {
  const auto at = wanted_.find(peer->name);
  if (of != setup_ || at == wanted_.end()) return;
  Wanted& wanted = at->second;
  wanted.asking = false;
  if (!session) {
    wanted.problem = std::move(session.error());
  } else if (const auto other = names_.find(session->id); other != names_.end() && other->second != peer->name) {
    wanted.problem = {Code::config, "make the session", subject_of(*peer), "it has the session id of peer=" + other->second,
                      "give them different users or secrets"};
  } else {
    names_[session->id] = peer->name;
    wanted.session = std::move(*session);
  }
  serve_waiting();
}

void Phantoms::serve_waiting() {
  std::vector<std::function<bool()>> waiting;
  waiting.swap(waiting_);
  for (auto& each : waiting) {
    if (!each()) waiting_.push_back(std::move(each));
  }
}

Result<const PhantomSession*> Phantoms::usable(const Wanted& wanted) {
  if (!wanted.session) return fail(wanted.problem);
  if (find_ready_(wanted.peer->token) == nullptr) {
    return fail({Code::token_missing, "use the shared secret", subject_of(*wanted.peer), "the token is not open",
                 "see `tlspool status`; a locked token waits for `tlspool pin`"});
  }
  return &*wanted.session;
}

void Phantoms::of_peer(const Peer& peer, Found found) {
  auto serve = [this, name = peer->name, found = std::move(found)] {
    const auto at = wanted_.find(name);
    if (at == wanted_.end()) {
      found(fail({Code::not_found, "make a session", "peer=" + name, "no longer in the configuration", {}}));
      return true;
    }
    if (at->second.asking) return false;
    found(usable(at->second));
    return true;
  };
  if (const auto at = wanted_.find(peer->name); at != wanted_.end()) make(at->second);
  if (!serve()) waiting_.emplace_back(std::move(serve));
}

void Phantoms::of_id(const Bytes& session_id, Found found) {
  auto serve = [this, session_id, found = std::move(found)] {
    if (const auto at = names_.find(session_id); at != names_.end()) {
      found(usable(wanted_.at(at->second)));
      return true;
    }
    for (const auto& [name, wanted] : wanted_) {
      if (wanted.asking) return false;
    }
    found(fail({Code::not_found, "find the session", "session=" + hex(session_id), "no [[peer]] has this session id", {}}));
    return true;
  };
  if (!names_.contains(session_id)) {
    for (auto& [name, wanted] : wanted_) make(wanted);
  }
  if (!serve()) waiting_.emplace_back(std::move(serve));
}

std::int64_t Phantoms::wait(const Bytes& session_id) { return throttle_.wait(std::string(text_of(session_id)), now()); }

void Phantoms::failed(const Bytes& session_id, std::function<void()> saved) {
  throttle_.failed(std::string(text_of(session_id)), now());
  save(std::move(saved));
}

void Phantoms::succeeded(const Bytes& session_id, std::function<void()> saved) {
  throttle_.succeeded(std::string(text_of(session_id)));
  save(std::move(saved));
}

void Phantoms::save(std::function<void()> saved) {
  Bytes content = throttle_.write();
  KeyThread* thread = find_thread_({});
  if (content == saved_ || thread == nullptr) return saved();
  saved_ = content;
  thread->run([this, content = std::move(content), saved = std::move(saved)](TokenStore*) {
    if (auto done = replace_file(throttle_file_, content); !done) {
      log::error("throttle.not_saved", {{"file", "keeper/" + throttle_file_}, {"problem", done.error().text()}});
    }
    mailbox_.post(saved);
  });
}

}  // namespace tlspool::keeper
