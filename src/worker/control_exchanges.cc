// SPDX-License-Identifier: Apache-2.0
// The calls about key exchanges.
#include "base/log.h"
#include "base/text.h"
#include "wire/varlink.h"
#include "worker/control.h"
#include "worker/exchanges.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

constexpr std::int64_t default_lifetime = 7 * 24 * 3600;
constexpr std::int64_t shortest_lifetime = 1;
constexpr std::int64_t longest_lifetime = 30 * 24 * 3600;
constexpr std::int64_t longest_secret = 1024;
constexpr std::size_t pin_size = 32;

constexpr const char* unknown =
    "there is no such key exchange: it was ended, has expired, belongs to another user, or the pool was started anew since; start again by "
    "`tlspool kex start`";

std::string exchange_unknown(const std::string& id) {
  return pool_error("ExchangeUnknown", wire::Value::object().set("exchange", wire::or_null(id)).set("message", unknown));
}

enum class Usable { no, yes };
std::string message_refused(std::string message, const std::string& exchange, Usable usable) {
  return pool_error("MessageRefused", wire::Value::object()
                                          .set("message", std::move(message))
                                          .set("exchange", wire::or_null(exchange))
                                          .set("usable", usable == Usable::yes));
}

// Error: subject = the parameter at fault.
Result<ExchangeRequest> parse_request(const wire::Value& parameters) {
  const auto wrong = [](const char* parameter) { return fail({Code::invalid, "key exchange", parameter, "it can't be used", {}}); };
  ExchangeRequest r;
  for (const auto& [name, out] : {std::pair{"localIdentity", &r.local_identity}, std::pair{"remoteIdentity", &r.remote_identity}}) {
    if (parameters.find(name) == nullptr) continue;
    auto normal = normal_identity(parameters.text(name));
    if (!normal) return wrong(name);
    *out = std::move(*normal);
  }
  if (parameters.find("remotePin") != nullptr) {
    auto pin = unhex(parameters.text("remotePin"));
    if (!pin || pin->size() != pin_size) return wrong("remotePin");
    r.pin = std::move(*pin);
  }
  r.first_contact = parameters.flag("firstContact");
  if ((r.first_contact || !r.pin.empty()) && r.remote_identity.empty()) return wrong("remoteIdentity");
  const std::int64_t lifetime = parameters.number("lifetimeSeconds", default_lifetime);
  if (lifetime < shortest_lifetime || lifetime > longest_lifetime) return wrong("lifetimeSeconds");
  r.lifetime = std::chrono::seconds{lifetime};
  return r;
}

}  // namespace

bool Control::may_exchange(const ExchangeRequest& request) {
  const std::string& identity = request.local_identity;
  const Policy& policy = worker_.policy();
  if (!identity.empty() && policy.allows(caller(), identity, wire::role_client) && policy.allows(caller(), identity, wire::role_server)) return true;
  worker_.audit().exchange_refused(caller(), request);
  answer(pool_error("IdentityRefused", wire::Value::object()
                                           .set("message", "this program may not use the identity as client and as server, or there is none of this "
                                                           "name; see [[allow]] in tlspool.toml(5) and `tlspool identity list`")
                                           .set("localIdentity", wire::or_null(identity))));
  return false;
}

Exchange* Control::new_exchange(ExchangeRequest request) {
  auto exchange = worker_.exchanges().add(worker_.services(), worker_.shared_policy(), caller(), std::move(request));
  if (exchange) return *exchange;
  answer(pool_error("LimitReached", wire::Value::object().set("message", exchange.error().text())));
  return nullptr;
}

// What a message came to. The control may be gone by then, the exchange is not.
Exchange::OnFlight Control::on_flight(Exchange* exchange, bool oneway) {
  return [this, &worker = worker_, exchange, oneway, alive = std::weak_ptr<int>(alive_)](const HandshakeFailure* failure) {
    if (failure != nullptr) {
      const ExchangeRequest& request = exchange->request();
      log::warning("exchange.failed", {{"id", exchange->id()},
                                       {"reason", failure->reason},
                                       {"message", failure->message},
                                       {"local", request.local_identity},
                                       {"expected", request.remote_identity},
                                       {"uid", std::to_string(exchange->uid())}});
    }
    if (!alive.expired()) {
      oneway_ = oneway;
      if (failure != nullptr) {
        answer(failure_text(*failure));
      } else {
        answer_exchange(*exchange);
      }
      call_ended();
    }
    if (failure != nullptr) worker.exchanges().remove(exchange);
  };
}

void Control::answer_exchange(Exchange& exchange) {
  answer(wire::reply_text(wire::Value::object()
                              .set("exchange", exchange.facts())
                              .set("message", exchange.has_new_message() ? wire::Value{base64(exchange.message())} : wire::Value{})));
}

void Control::start_exchange(const wire::Call& call, std::vector<UniqueFd>&) {
  auto request = parse_request(call.parameters);
  if (!request) return answer(invalid_parameter(request.error().subject));
  connection_->pause();
  learn_executable([this, oneway = oneway_, request = std::move(*request)] {
    oneway_ = oneway;
    Exchange* exchange = may_exchange(request) ? new_exchange(request) : nullptr;
    if (exchange == nullptr) return call_ended();
    log::info("exchange.started", {{"id", exchange->id()},
                                   {"local", request.local_identity},
                                   {"with", request.remote_identity},
                                   {"uid", std::to_string(credentials_.uid)}});
    exchange->start(on_flight(exchange, oneway));
  });
}

void Control::continue_exchange(const wire::Call& call, std::vector<UniqueFd>&) {
  auto request = parse_request(call.parameters);
  if (!request) return answer(invalid_parameter(request.error().subject));
  const auto bytes = unbase64(call.parameters.text("message"));
  if (!bytes) return answer(invalid_parameter("message"));
  auto message = kex::open(*bytes);
  if (!message) return answer(message_refused(message.error().text(), {}, Usable::yes));
  if (message->step == kex::Step::client_hello) {
    connection_->pause();
    learn_executable([this, oneway = oneway_, request = std::move(*request), message = std::move(*message)] {
      oneway_ = oneway;
      if (!answer_hello(request, message)) call_ended();
    });
    return;
  }
  Exchange* exchange = worker_.exchanges().find(credentials_.uid, message->id);
  if (exchange == nullptr) return answer(exchange_unknown({}));
  if (std::string why = exchange->objection(*message); !why.empty()) return answer(message_refused(std::move(why), exchange->id(), Usable::yes));
  connection_->pause();
  exchange->go_on(*message, on_flight(exchange, oneway_));
}

// A first message. False: the answer is on its way already.
bool Control::answer_hello(const ExchangeRequest& request, const kex::Message& hello) {
  const auto refuse = [&](std::string why, const Exchange& exchange) {
    answer(message_refused(std::move(why), exchange.id(), Usable::yes));
    return false;
  };
  if (Exchange* known = worker_.exchanges().find(credentials_.uid, hello.id)) return refuse(known->objection(hello), *known);
  std::vector<Exchange*> crossing;
  for (Exchange* e : worker_.exchanges().of(credentials_.uid)) {
    if (e->only_started() && (request.remote_identity.empty() || e->request().remote_identity == request.remote_identity)) crossing.push_back(e);
  }
  if (!crossing.empty() && request.remote_identity.empty()) {
    return refuse("you have started an exchange with " + crossing.front()->request().remote_identity +
                      " yourself: say whose message this is, by --with NAME",
                  *crossing.front());
  }
  Exchange* exchange = nullptr;
  if (!crossing.empty()) {
    exchange = crossing.front();
    if (!request.local_identity.empty() && request.local_identity != exchange->request().local_identity) {
      return refuse("you have started this exchange as " + exchange->request().local_identity, *exchange);
    }
  } else if (!may_exchange(request) || (exchange = new_exchange(request)) == nullptr) {
    return false;
  }
  exchange->answer(hello, on_flight(exchange, oneway_));
  return true;
}

// The exchange that the call names; where there is none the answer is already on its way.
Exchange* Control::exchange_of(const wire::Call& call) {
  const std::string id = call.parameters.text("exchange");
  Exchange* exchange = worker_.exchanges().find(credentials_.uid, id);
  if (exchange == nullptr) answer(exchange_unknown(id));
  return exchange;
}

void Control::confirm_exchange(const wire::Call& call, std::vector<UniqueFd>&) {
  Exchange* exchange = exchange_of(call);
  if (exchange == nullptr) return;
  if (exchange->state() != Exchange::State::unconfirmed) {
    return answer(pool_error("ExchangeUnfit", wire::Value::object().set("exchange", exchange->id()).set("message", "it does not wait for a confirmation")));
  }
  exchange->confirm();
  log::info("exchange.confirmed", {{"id", exchange->id()}, {"uid", std::to_string(credentials_.uid)}});
  answer(wire::reply_text(wire::Value::object().set("exchange", exchange->facts())));
}

void Control::exchange_secret(const wire::Call& call, std::vector<UniqueFd>&) {
  Exchange* exchange = exchange_of(call);
  if (exchange == nullptr) return;
  const std::int64_t length = call.parameters.number("length", 0);
  if (length < 1 || length > longest_secret) return answer(invalid_parameter("length"));
  auto secret = exchange->secret(static_cast<std::size_t>(length));
  if (!secret) {
    return answer(pool_error("ExchangeUnfit", wire::Value::object().set("exchange", exchange->id()).set("message", secret.error().text())));
  }
  log::info("exchange.secret", {{"id", exchange->id()}, {"uid", std::to_string(credentials_.uid)}, {"pid", std::to_string(credentials_.pid)}});
  answer(wire::reply_text(wire::Value::object().set("keyingMaterial", base64(secret->bytes()))));
}

void Control::show_exchange(const wire::Call& call, std::vector<UniqueFd>&) {
  Exchange* exchange = exchange_of(call);
  if (exchange == nullptr) return;
  const Bytes& message = exchange->message();
  answer(wire::reply_text(wire::Value::object()
                              .set("exchange", exchange->facts())
                              .set("message", wire::or_null(base64(message)))));
}

void Control::list_exchanges(const wire::Call&, std::vector<UniqueFd>&) {
  wire::Value list = wire::Value::array();
  for (Exchange* exchange : worker_.exchanges().of(credentials_.uid)) list.push(exchange->facts());
  answer(wire::reply_text(wire::Value::object().set("exchanges", std::move(list))));
}

void Control::cancel_exchange(const wire::Call& call, std::vector<UniqueFd>&) {
  Exchange* exchange = exchange_of(call);
  if (exchange == nullptr) return;
  exchange->give_up(ExchangeOutcome::cancelled);
  worker_.exchanges().remove(exchange);
  answer(wire::reply_text(wire::Value::object()));
}

}  // namespace tlspool::worker
