// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pool.h"

#include <algorithm>

#include "base/text.h"
#include "cli/admin.h"
#include "cli/kex_pins.h"
#include "cli/output.h"
#include "client/call.h"

namespace tlspool::cli {
namespace {

using State = KexExchange::State;

// A handshake waits for the token and the judge.
constexpr std::chrono::milliseconds patience{60'000};

State state_of(const std::string& word) {
  if (word == "unconfirmed") return State::unconfirmed;
  if (word == "finished") return State::finished;
  return word == "failed" ? State::failed : State::waiting;
}

KexExchange exchange_of(const wire::Value& v) {
  KexExchange e;
  e.id = v.text("id");
  e.with = v.text("withIdentity");
  e.local = v.text("localIdentity");
  e.remote = v.text("remoteIdentity");
  e.state = state_of(v.text("state"));
  e.step = static_cast<int>(v.number("step", 0));
  e.role = v.text("role");
  e.verified_by = v.text("verifiedBy");
  e.pin = v.text("remotePin");
  e.problem = v.text("problem");
  if (auto bytes = unbase64(v.text("authenticationString"))) e.authentication = std::move(*bytes);
  e.expires = v.number("expires", 0);
  return e;
}

Error refused(const config::Paths& paths, const wire::Answer& answer) {
  const std::string name = answer.error.substr(answer.error.rfind('.') + 1);
  const std::string message = client::message_of(answer);
  Error e{Code::policy, "key exchange", "", printable(message, 1024), {}};
  if (name == "ExchangeUnknown") e.code = Code::not_found;
  if (name == "LimitReached") e.code = Code::busy;
  if (name == "MessageRefused") {
    e.code = Code::invalid;
    e.operation = "message";
    if (answer.parameters.flag("usable")) e.advice = "nothing is lost, the exchange goes on with the right message";
  }
  if (name == "HandshakeFailed") {
    e.code = Code::tls;
    e.operation = "";
    e.advice = "this exchange has ended; start again by " + command_for(paths) + " kex start";
  }
  return e;
}

}  // namespace

Result<KexPool> KexPool::open(const std::string& pool) {
  auto paths = config::find_pool(pool);
  if (!paths) return fail(std::move(paths.error()));
  return KexPool(std::move(*paths));
}

Result<wire::Value> KexPool::ask(const char* method, wire::Value parameters) {
  auto answer = client::call(paths_.programs_socket(), std::string("io.tlspool.Pool.") + method, std::move(parameters), {}, nullptr, patience);
  if (!answer) {
    Error e = std::move(answer.error());
    if (e.code == Code::not_found) e.advice = "start the pool: " + command_for(paths_, "tlspoold");
    return fail(std::move(e));
  }
  if (!answer->error.empty()) return fail(refused(paths_, *answer));
  return std::move(answer->parameters);
}

Result<KexTurn> KexPool::turn(const char* method, wire::Value parameters) {
  auto answer = ask(method, std::move(parameters));
  if (!answer) return fail(std::move(answer.error()));
  const wire::Value* exchange = answer->find("exchange");
  auto message = unbase64(answer->text("message"));
  if (exchange == nullptr || !message) return fail({Code::protocol, method, "", "the pool's answer is not understood", {}});
  return KexTurn{exchange_of(*exchange), std::move(*message)};
}

Result<wire::Value> KexPool::with_parties(const KexParties& parties, wire::Value parameters) {
  auto own = own_identity(parties.as);
  if (!own) return fail(std::move(own.error()));
  parameters.set("localIdentity", *own).set("lifetimeSeconds", static_cast<std::int64_t>(parties.lifetime.count()));
  if (parties.with.empty()) return parameters;
  parameters.set("remoteIdentity", parties.with);
  auto pin = KexPins::standard().find(parties.with);
  if (!pin) return fail(std::move(pin.error()));
  if (*pin) parameters.set("remotePin", (*pin)->digest);
  if (parties.first_contact == FirstContact::accepted) parameters.set("firstContact", true);
  return parameters;
}

Result<KexTurn> KexPool::start(const KexParties& parties) {
  auto parameters = with_parties(parties, wire::Value::object());
  if (!parameters) return fail(std::move(parameters.error()));
  return turn("StartExchange", std::move(*parameters));
}

Result<KexTurn> KexPool::go_on(ByteView message, const KexParties& parties) {
  wire::Value parameters = wire::Value::object().set("message", base64(message));
  const auto opened = kex::open(message);
  // What is damaged is for the pool to refuse: it says why in the same words for everybody.
  if (opened && opened->step == kex::Step::client_hello) {
    auto with = with_parties(parties, std::move(parameters));
    if (!with) return fail(std::move(with.error()));
    parameters = std::move(*with);
  }
  return turn("ContinueExchange", std::move(parameters));
}

Result<KexTurn> KexPool::show(const std::string& exchange) { return turn("ShowExchange", wire::Value::object().set("exchange", exchange)); }

Result<KexExchange> KexPool::confirm(const std::string& exchange) {
  auto done = turn("ConfirmExchange", wire::Value::object().set("exchange", exchange));
  if (!done) return fail(std::move(done.error()));
  return std::move(done->exchange);
}

Result<wire::Value> KexPool::list_json() {
  auto answer = ask("ListExchanges", wire::Value::object());
  if (!answer) return answer;
  const wire::Value* list = answer->find("exchanges");
  if (list == nullptr || list->elements() == nullptr) return fail({Code::protocol, "ListExchanges", "", "the pool's answer is not understood", {}});
  return *list;
}

Result<std::vector<KexExchange>> KexPool::list() {
  auto json = list_json();
  if (!json) return fail(std::move(json.error()));
  std::vector<KexExchange> out;
  for (const wire::Value& v : *json->elements()) out.push_back(exchange_of(v));
  return out;
}

Status KexPool::cancel(const std::string& exchange) {
  auto done = ask("CancelExchange", wire::Value::object().set("exchange", exchange));
  if (!done) return fail(std::move(done.error()));
  return {};
}

Result<Secret> KexPool::material(const std::string& exchange) {
  auto answer = ask("ExchangeSecret",
                    wire::Value::object().set("exchange", exchange).set("length", static_cast<std::int64_t>(kex::material_size)));
  if (!answer) return fail(std::move(answer.error()));
  auto bytes = unbase64(answer->text("keyingMaterial"));
  if (!bytes || bytes->size() != kex::material_size) return fail({Code::protocol, "ExchangeSecret", "", "the pool's answer is not understood", {}});
  Secret out{*bytes};
  wipe(*bytes);
  return out;
}

Result<std::string> KexPool::own_identity(const std::string& as) {
  if (!as.empty()) return as;
  auto answer = ask("ListIdentities", wire::Value::object());
  if (!answer) return fail(std::move(answer.error()));
  std::vector<std::string> names;
  for (const wire::Value& identity : elements(*answer, "identities")) {
    if (identity.flag("usable") && elements(identity, "roles").size() == 2) names.push_back(identity.text("name"));
  }
  if (names.size() == 1) return names.front();
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + printable(name);
  return fail({Code::invalid, "key exchange", "", names.empty() ? "you have no identity that can be used" : "you have several identities: " + list,
               names.empty() ? "see `tlspool identity list`" : "choose one by --as"});
}

}  // namespace tlspool::cli
