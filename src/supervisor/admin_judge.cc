// SPDX-License-Identifier: Apache-2.0
// The administrators' calls that the judge answers: pins and revoked peers.
#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "supervisor/admin.h"

namespace tlspool::supervisor {
namespace {

using wire::JudgeAdmin;
using wire::JudgeAdminAnswer;
using wire::JudgeOperation;
using wire::or_null;
using wire::Value;

constexpr std::int64_t a_day = 24 * 60 * 60;
constexpr std::int64_t most_days = 36500;
constexpr std::size_t digest_size = 32;
constexpr std::size_t longest_name = 1024;

Value value_of(const wire::PinRow& pin) {
  return Value::object()
      .set("identity", pin.identity)
      .set("service", or_null(pin.service))
      .set("of", pin.of == wire::PinOf::key ? "key" : "certificate")
      .set("sha256", hex(pin.digest))
      .set("origin", pin.origin == wire::PinOrigin::administrator ? "administrator" : "firstUse")
      .set("added", pin.added)
      .set("expires", pin.expires == 0 ? Value() : Value(pin.expires));
}

Value value_of(const wire::PinChange& change) {
  return Value::object()
      .set("identity", change.identity)
      .set("service", or_null(change.service))
      .set("pinned", hex(change.pinned))
      .set("shown", hex(change.shown))
      .set("times", change.times)
      .set("first", change.first)
      .set("last", change.last);
}

Value value_of(const wire::RevokedRow& row) {
  const char* by = row.by == wire::RevokedBy::selector ? "selector" : row.by == wire::RevokedBy::serial ? "serial" : "key";
  return Value::object()
      .set("by", by)
      .set("what", row.by == wire::RevokedBy::selector ? row.selector : hex(row.digits))
      .set("issuer", or_null(row.issuer))
      .set("added", row.added);
}

template <class Row>
Value list_of(const std::vector<Row>& rows) {
  Value out = Value::array();
  for (const Row& row : rows) out.push(value_of(row));
  return out;
}

std::string refused(const std::string& message) {
  return wire::error_text("io.tlspool.Admin.RequestRefused", Value::object().set("message", message));
}

/// The parameters that name a pin; the error is for people.
Result<wire::PinRow> pin_of(const Value& parameters, std::int64_t now) {
  const auto wrong = [](std::string reason) { return fail({Code::invalid, "pin", "", std::move(reason), {}}); };
  wire::PinRow pin;
  pin.identity = parameters.text("identity");
  pin.service = parameters.text("service");
  if (pin.identity.size() > longest_name || pin.service.size() > longest_name) return wrong("a name is too long");
  pin.of = parameters.text("of") == "certificate" ? wire::PinOf::certificate : wire::PinOf::key;
  pin.added = now;
  if (parameters.find("sha256") != nullptr) {
    const auto digest = unhex(parameters.text("sha256"));
    if (!digest || digest->size() != digest_size) return wrong("a SHA-256 has 64 hexadecimal digits");
    pin.digest = *digest;
  }
  if (parameters.find("days") != nullptr) {
    const std::int64_t days = parameters.number("days");
    if (days < 1 || days > most_days) return wrong("days must be between 1 and 36500");
    pin.expires = now + days * a_day;
  }
  return pin;
}

}  // namespace

void Admin::ask_judge(const Handle& to, const JudgeAdmin& request, std::function<Value(const JudgeAdminAnswer&)> reply) {
  pool_.ask_judge(request, [this, to, reply = std::move(reply)](const JudgeAdminAnswer& got) {
    answer(to, got.problem.empty() ? wire::reply_text(reply(got)) : refused(got.problem));
  });
}

void Admin::add_pin(const Handle& to, const wire::Call& call) {
  auto pin = pin_of(call.parameters, ::time(nullptr));
  if (!pin) return answer(to, refused(pin.error().text()));
  JudgeAdmin request;
  request.operation = JudgeOperation::add_pin;
  request.pin = std::move(*pin);
  ask_judge(to, request, [](const JudgeAdminAnswer& got) { return Value::object().set("pin", value_of(got.pins.front())); });
}

void Admin::remove_pin(const Handle& to, const wire::Call& call) {
  auto pin = pin_of(call.parameters, 0);
  if (!pin) return answer(to, refused(pin.error().text()));
  JudgeAdmin request;
  request.operation = JudgeOperation::remove_pin;
  request.pin = std::move(*pin);
  ask_judge(to, request, [](const JudgeAdminAnswer& got) { return Value::object().set("removed", got.count); });
}

void Admin::list_pins(const Handle& to, const wire::Call& call) {
  JudgeAdmin request;
  request.operation = JudgeOperation::list_pins;
  request.from = static_cast<std::uint64_t>(std::max<std::int64_t>(0, call.parameters.number("from")));
  ask_judge(to, request, [](const JudgeAdminAnswer& got) {
    return Value::object().set("pins", list_of(got.pins)).set("changes", list_of(got.changes)).set("more", got.more);
  });
}

void Admin::list_revoked(const Handle& to, const wire::Call& call) {
  JudgeAdmin request;
  request.operation = JudgeOperation::list_revoked;
  request.from = static_cast<std::uint64_t>(std::max<std::int64_t>(0, call.parameters.number("from")));
  ask_judge(to, request, [](const JudgeAdminAnswer& got) {
    return Value::object().set("revoked", list_of(got.revoked)).set("more", got.more);
  });
}

void Admin::revoke(const Handle& to, const wire::Call& call) {
  JudgeAdmin request;
  request.operation = JudgeOperation::revoke;
  request.what = call.parameters.text("what");
  request.issuer = call.parameters.text("issuer");
  pool_.revoke(request, [this, to](const JudgeAdminAnswer& got, std::uint64_t sessions) {
    if (!got.problem.empty()) return answer(to, refused(got.problem));
    answer(to, wire::reply_text(Value::object().set("revoked", value_of(got.revoked.front())).set("news", got.news).set("sessions", sessions)));
  });
}

void Admin::unrevoke(const Handle& to, const wire::Call& call) {
  JudgeAdmin request;
  request.operation = JudgeOperation::unrevoke;
  request.what = call.parameters.text("what");
  request.issuer = call.parameters.text("issuer");
  pool_.revoke(request, [this, to](const JudgeAdminAnswer& got, std::uint64_t) {
    if (!got.problem.empty()) return answer(to, refused(got.problem));
    answer(to, wire::reply_text(Value::object().set("revoked", value_of(got.revoked.front())).set("news", got.news)));
  });
}

}  // namespace tlspool::supervisor
