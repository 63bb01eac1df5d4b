// SPDX-License-Identifier: Apache-2.0
// How a handshake comes to its shared key, and how the key is used up.
#include <openssl/async.h>

#include "base/log.h"
#include "worker/handshake.h"

namespace tlspool::worker {
namespace {
constexpr const char* no_keeper = "shared key: the keeper can't be reached; try again in a moment";
}  // namespace

void Handshake::take_key(const wire::PeerSetup& peer) {
  wire::KeyRequest request;
  request.operation = peer.use == wire::KeyUse::session ? wire::KeyOperation::seed_client : wire::KeyOperation::take;
  request.peer = peer.name;
  // A little less than the deadline, so that the keeper's own words come in time.
  request.wait_ms = static_cast<std::uint32_t>(connection_->request.deadline.count() * 9 / 10);
  asked_ = services_.keys.ask(request, [this, &peer](wire::KeyAnswer answer) { key_came(peer, std::move(answer)); });
  if (asked_ == 0) return refuse_key(no_keeper);
  waits_for_key_ = true;
}

void Handshake::key_came(const wire::PeerSetup& peer, wire::KeyAnswer answer) {
  waits_for_key_ = false;
  Connection& c = *connection_;
  if (answer.problem == wire::KeyProblem::none) {
    c.shared_key = std::make_unique<SharedKey>(shared_key_of(peer, answer, services_.keys));
    return begin();
  }
  const bool fall_back = answer.problem == wire::KeyProblem::exhausted && peer.exhausted == wire::Exhausted::certificate &&
                         !c.request.require_shared_key;
  if (!fall_back) return refuse_key(std::move(answer.message));
  log::warning("sharedkey.fallback", {{"peer", peer.name}, {"store", store_of(peer)}, {"problem", answer.message}});
  begin();
}

wire::KeyAnswer Handshake::ask_key(const wire::KeyRequest& request) {
  wire::KeyAnswer answer;
  answer.problem = wire::KeyProblem::failed;
  answer.message = no_keeper;
  if (abandoned_ || ASYNC_get_current_job() == nullptr) return answer;
  asked_ = services_.keys.ask(request, [this, &answer](wire::KeyAnswer came) {
    answer = std::move(came);
    resume();
  });
  if (asked_ != 0) wait(Paused::key);
  return answer;
}

bool Handshake::consume_key() {
  Connection& c = *connection_;
  wire::KeySettled settled{false, no_keeper};
  if (abandoned_ || ASYNC_get_current_job() == nullptr) return false;
  asked_ = c.shared_key->lease.settle([this, &settled](wire::KeySettled came) {
    settled = std::move(came);
    resume();
  });
  if (asked_ != 0) wait(Paused::key);
  c.shared_key->consumed = settled.good;
  if (!settled.good) c.attempt->key_problem = settled.message;
  return settled.good;
}

// A shared key that was named must be what the handshake rests on, and no other connection may ever rest on it.
void Handshake::key_proved() {
  SharedKey& key = *connection_->shared_key;
  if (!key.used(ssl_.get())) return refuse_key(key.named() + "the peer did not use it");
  if (key.consumed || !key.lease.held()) return finish();
  poll_->want(Poll::none);
  asked_ = key.lease.settle([this](wire::KeySettled settled) {
    waits_for_key_ = false;
    if (!settled.good) return refuse_key(std::move(settled.message));
    connection_->shared_key->consumed = true;
    finish();
  });
  if (asked_ == 0) return refuse_key(no_keeper);
  waits_for_key_ = true;
}

void Handshake::refuse_key(std::string problem) {
  give_up({"sharedKey", "handshake: " + std::move(problem), {}, {}, {}, {}, socket_untouched()});
}

}  // namespace tlspool::worker
