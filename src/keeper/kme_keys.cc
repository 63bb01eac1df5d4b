// SPDX-License-Identifier: Apache-2.0
#include "keeper/kme_keys.h"

#include "sharedkey/derive.h"
#include "sharedkey/identity.h"

namespace tlspool::keeper {
namespace {

using wire::KeyProblem;

// Ids that a peer made up cost some memory each.
constexpr std::size_t most_asked = 65536;

std::string subject_of(const wire::PeerSetup& peer, const std::string& id) {
  return "peer=" + peer.name + " store=" + peer.store + " kme=" + peer.kme + (id.empty() ? "" : " key=" + id);
}

tl::unexpected<KeyRefusal> refuse(KeyProblem problem, const wire::PeerSetup& peer, const std::string& id, std::string reason,
                                  std::string advice) {
  return tl::unexpected<KeyRefusal>(
      KeyRefusal{problem, {Code::not_found, "ask the key management entity", subject_of(peer, id), std::move(reason), std::move(advice)}});
}

// What the entity said, or why it said nothing.
tl::expected<KmeKeys::Key, KeyRefusal> key_of(const wire::PeerSetup& peer, const std::string& wanted,
                                              Result<wire::FetchAnswer>& answer) {
  if (!answer) {
    Error e = answer.error();
    e.subject = subject_of(peer, wanted);
    return tl::unexpected<KeyRefusal>(KeyRefusal{KeyProblem::failed, std::move(e)});
  }
  const Secret secret{ByteView{answer->key}};
  wipe(answer->key);
  if (answer->problem != KeyProblem::none) return refuse(answer->problem, peer, wanted, answer->message, {});
  if (secret.size() < sharedkey::least_key_bytes || secret.size() > sharedkey::most_key_bytes) {
    return refuse(KeyProblem::failed, peer, answer->key_id, "a key of " + std::to_string(secret.size()) + " bytes came",
                  "16 to 256 bytes are possible");
  }
  auto id = sharedkey::id_from_uuid(wire::IdForm::uuid, answer->key_id);
  if (!id || (!wanted.empty() && sharedkey::id_text(wire::IdForm::uuid, *id) != wanted)) {
    return refuse(KeyProblem::failed, peer, wanted, "the answer names another key, or none", {});
  }
  return KmeKeys::Key{std::move(*id), Secret{secret.bytes()}};
}

// Whoever has a number alone can't ask the entity for its key.
bool ids_can_be_asked_for(const wire::PeerSetup& peer) { return peer.id_form == wire::IdForm::uuid; }

tl::unexpected<KeyRefusal> refuse_id_form(const wire::PeerSetup& peer) {
  return refuse(KeyProblem::failed, peer, {}, "keys of a key management entity have UUIDs",
                "set id = \"uuid\" in the [[peer]]");
}

}  // namespace

void KmeKeys::take(const Peer& peer, Done done) {
  if (!ids_can_be_asked_for(*peer)) return done(refuse_id_form(*peer));
  fetcher_.ask({peer->kme, peer->sae, {}, 256}, [peer, done = std::move(done)](Result<wire::FetchAnswer> answer) {
    done(key_of(*peer, {}, answer));
  });
}

void KmeKeys::lease(const Peer& peer, const Bytes& id, Done done) {
  if (!ids_can_be_asked_for(*peer)) return done(refuse_id_form(*peer));
  const std::string text = sharedkey::id_text(wire::IdForm::uuid, id);
  if (id.size() != 16) return done(refuse(KeyProblem::unknown, *peer, text, "not a UUID", {}));
  const Name name{peer->store, id};
  if (const auto at = held_.find(name); at != held_.end()) return done(Key{id, Secret{at->second.secret.bytes()}});
  if (asked_.contains(name)) {
    return done(refuse(KeyProblem::used, *peer, text, "it was asked for before, and is given out once",
                       "the peer takes another key for its next connection"));
  }
  if (!fetcher_.connected()) {
    Result<wire::FetchAnswer> none = fail({Code::closed, "ask the key management entity", {}, "the fetcher does not run",
                                           "it starts when the configuration has a [[kme]]; see the log of the pool"});
    return done(key_of(*peer, text, none));
  }
  remember(name);
  fetcher_.ask({peer->kme, peer->sae, text, 256}, [this, peer, name, text, done = std::move(done)](Result<wire::FetchAnswer> answer) {
    auto key = key_of(*peer, text, answer);
    if (key) {
      held_[name] = {Secret{key->secret.bytes()}, Clock::now() + longest};
      plan();
    } else if (key.error().problem == KeyProblem::failed) {
      lost_(name.first, name.second);  // The entity may have deleted it when it answered.
    }
    done(std::move(key));
  });
}

void KmeKeys::remember(const Name& name) {
  asked_.insert(name);
  order_.push_back(name);
  if (order_.size() <= most_asked) return;
  asked_.erase(order_.front());
  order_.pop_front();
}

void KmeKeys::plan() {
  if (held_.empty()) return timer_.stop();
  auto first = Clock::time_point::max();
  for (const auto& [name, held] : held_) first = std::min(first, held.until);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now());
  timer_.start(std::max(wait, std::chrono::milliseconds{1}), [this] {
    for (auto at = held_.begin(); at != held_.end();) {
      if (at->second.until > Clock::now()) {
        ++at;
        continue;
      }
      lost_(at->first.first, at->first.second);
      at = held_.erase(at);
    }
    plan();
  });
}

}  // namespace tlspool::keeper
