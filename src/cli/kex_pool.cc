// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pool.h"

#include <fmt/format.h>

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
  e.message_id = v.text("messageId");
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
    const std::string check = answer.parameters.text("check");
    e.code = check == "pin" ? Code::certificate : Code::tls;
    e.operation = "";
    e.advice = "this exchange has ended; start again by " + command_for(paths) + " kex start";
    if (check == "chain") e.advice += ", with --first-contact on both sides if you will compare words by voice";
  }
  return e;
}

// The pool turned down the key of whoever claims to be `name`: where its pin stands.
Error with_pin(Error error, const std::string& name) {
  const KexPins pins = KexPins::standard();
  if (const auto pin = pins.find(name); pin && *pin) {
    error.advice = fmt::format("the pin of {} is {}:{}; remove that line only if they tell you, by another way, that their key is new",
                               printable(name), pins.path(), (*pin)->line);
  }
  return error;
}

// An identity as it was typed, in the form in which it is compared; empty where none was.
Result<std::string> normal(const std::string& typed) {
  if (typed.empty()) return typed;
  return normal_identity(typed);
}

tl::unexpected<Error> not_understood(const char* method) {
  return fail({Code::protocol, method, "", "the pool's answer is not understood", "are tlspool and tlspoold of one version?"});
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
  if (exchange == nullptr || !message) return not_understood(method);
  return KexTurn{exchange_of(*exchange), std::move(*message)};
}

Result<wire::Value> KexPool::with_parties(const KexParties& parties, wire::Value parameters) {
  auto own = own_identity(parties.as);
  if (!own) return fail(std::move(own.error()));
  parameters.set("localIdentity", *own).set("lifetimeSeconds", static_cast<std::int64_t>(parties.lifetime.count()));
  auto with = normal(parties.with);
  if (!with) return fail(std::move(with.error()));
  if (with->empty()) {
    if (parties.first_contact == FirstContact::refused) return parameters;
    return fail({Code::invalid, "key exchange", "--first-contact", "whose key is to be accepted?", "say it by --with NAME"});
  }
  parameters.set("remoteIdentity", *with);
  auto pin = KexPins::standard().find(*with);
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
  auto name = normal(parties.with);
  if (!name) return fail(std::move(name.error()));
  // What is damaged is for the pool to refuse: it says why in the same words for everybody.
  if (const auto opened = kex::open(message); opened && opened->step == kex::Step::client_hello) {
    auto with = with_parties(parties, std::move(parameters));
    if (!with) return fail(std::move(with.error()));
    parameters = std::move(*with);
  } else if (opened) {
    const auto all = list();
    if (!all) return fail(all.error());
    const auto found = std::ranges::find(*all, hex(opened->id), &KexExchange::message_id);
    if (found != all->end()) {
      if (!name->empty() && *name != found->with) {
        return fail({Code::invalid, "message", "", "it belongs to your exchange " + found->id + " with " +
                     (found->with.empty() ? "whoever proves an identity" : printable(found->with)), "--with is for first messages"});
      }
      name = found->with;
    }
  }
  auto done = turn("ContinueExchange", std::move(parameters));
  if (!done && done.error().code == Code::certificate) return fail(with_pin(std::move(done.error()), *name));
  return done;
}

Result<KexTurn> KexPool::go_on(const std::vector<kex::Armoured>& messages, const KexParties& parties) {
  auto first = go_on(messages.front().message, parties);
  for (std::size_t i = 1; i < messages.size() && !first && first.error().code == Code::invalid && messages[i].step == messages.front().step; ++i) {
    if (auto other = go_on(messages[i].message, parties)) return other;
  }
  return first;
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
  if (list == nullptr || list->elements() == nullptr) return not_understood("ListExchanges");
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
  if (!bytes || bytes->size() != kex::material_size) return not_understood("ExchangeSecret");
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
