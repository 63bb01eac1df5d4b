// SPDX-License-Identifier: Apache-2.0
#include "worker/forwarder.h"

#include "base/log.h"
#include "base/text.h"
#include "worker/account.h"
#include "worker/diagnosis.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

// The program counts by it how many handshakes are under way; it needs no more than that.
constexpr std::chrono::milliseconds report_after{10};

}  // namespace

Forwarder::Forwarder(Worker& worker, PeerCredentials credentials, StartRequest request, May may, Tell tell)
    : worker_(worker),
      credentials_(std::move(credentials)),
      request_(std::move(request)),
      may_(std::move(may)),
      tell_(std::move(tell)),
      report_(worker.loop()) {}

Forwarder::~Forwarder() {
  for (const auto& [number, passage] : passages_) {
    if (passage.handshake) {
      count_left(passage.handshake->connection(), passage.handshake->ssl());
      worker_.audit().left(*passage.handshake);
    }
    if (passage.admitted) worker_.handshake_ended(credentials_.uid);
    if (passage.executable_query != 0) worker_.forget_executable(passage.executable_query);
  }
}

void Forwarder::pass(std::vector<UniqueFd> descriptors) {
  const std::uint64_t number = next_++;
  Passage& passage = passages_[number];
  if (auto good = check_descriptors(request_, borrowed(descriptors)); !good) {
    count_refused(counters::Refusal::descriptors);
    return fail(number, good.error().text());
  }
  if (auto room = worker_.admit_handshake(credentials_.uid); !room) {
    count_refused(counters::Refusal::limit);
    return fail(number, room.error().text());
  }
  worker_.handshake_began(credentials_.uid);
  passage.admitted = true;
  passage.network = std::move(descriptors[request_.network]);
  passage.plain = std::move(descriptors[*request_.plaintext]);
  if (!worker_.policy().needs_executable()) return begin(number, {});
  // Asked anew for each: the program may have become another one since the last.
  passage.executable_query = worker_.ask_executable(credentials_.pid, [this, number](std::string path) { begin(number, std::move(path)); });
}

void Forwarder::begin(std::uint64_t number, std::string executable) {
  Passage& passage = passages_.at(number);
  passage.executable_query = 0;
  const std::shared_ptr<const Policy> policy = worker_.shared_policy();
  authz::Caller caller{credentials_, std::move(executable)};
  if (!may_(*policy, request_, caller)) {
    count_refused(counters::Refusal::identity);
    worker_.audit().identity_refused(caller, request_.local_identity, wire::role_word(request_.roles));
    log::warning("identity.refused", {{"uid", std::to_string(credentials_.uid)},
                                      {"pid", std::to_string(credentials_.pid)},
                                      {"identity", request_.local_identity},
                                      {"role", "forward"}});
    return fail(number, may_not_use);
  }
  auto connection = std::make_unique<Connection>(worker_.shared(request_));
  if (worker_.audit().wanted()) connection->peer_address = PeerAddress::of(passage.network.get());
  connection->policy = policy;
  connection->local_identity = request_.local_identity;
  connection->caller = std::move(caller);
  passage.handshake = std::make_unique<Handshake>(worker_.services(), std::move(connection), std::move(passage.network),
                                                  [this, number](const HandshakeFailure* failure) { done(number, failure); });
  passage.handshake->start();  // may have ended the passage
}

void Forwarder::done(std::uint64_t number, const HandshakeFailure* failure) {
  Handshake& ended = *passages_.at(number).handshake;
  const auto took = ended.took();
  count_handshake(ended.connection(), ended.ssl(), failure, took);
  if (failure != nullptr) {
    worker_.count_failure();
    worker_.audit().refused(ended.connection(), ended.ssl(), *failure, took);
    log_failure(ended.connection(), *failure);
    return fail(number, failure->message);
  }
  ended.connection().handshake_took = std::chrono::duration_cast<std::chrono::microseconds>(took);
  auto id = Sessions::new_id(worker_.policy().setup().index);
  if (!id) return fail(number, id.error().text());
  Passage passage = take(number);
  Handshake& handshake = *passage.handshake;
  Session& session = worker_.add_session(std::move(*id), handshake.take_connection(), {handshake.take_ssl(), handshake.take_network(), handshake.take_poll()},
                                         std::move(passage.plain));
  session.forget_at_end();
  established_.push(number);
  report_soon();
}

Forwarder::Passage Forwarder::take(std::uint64_t number) {
  auto passage = std::move(passages_.extract(number).mapped());
  if (passage.admitted) worker_.handshake_ended(credentials_.uid);
  return passage;
}

void Forwarder::fail(std::uint64_t number, std::string message) {
  take(number);
  failed_.push(wire::Value::object().set("number", number).set("message", printable(message, 1024)));
  report_soon();
}

void Forwarder::leave() {
  tell_(wire::Value::object()
            .set("workers", worker_.policy().setup().count)
            .set("established", wire::Value::array())
            .set("failed", wire::Value::array())
            .set("leave", true));
}

void Forwarder::report_soon() {
  if (std::exchange(report_due_, true)) return;
  report_.start(report_after, [this] {
    report_due_ = false;
    tell_(wire::Value::object()
              .set("workers", worker_.policy().setup().count)
              .set("established", std::exchange(established_, wire::Value::array()))
              .set("failed", std::exchange(failed_, wire::Value::array())));
  });
}

}  // namespace tlspool::worker
