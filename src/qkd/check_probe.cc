// SPDX-License-Identifier: Apache-2.0
#include "qkd/check_probe.h"

#include <fmt/format.h>

#include "base/text.h"
#include "wire/json.h"

namespace tlspool::qkd {

std::optional<std::string> Reaction::message() const {
  const auto error = etsi014::parse_error(body());
  if (!error) return std::nullopt;
  return error->message;
}

std::optional<std::vector<ProbedKey>> Reaction::keys() const {
  const auto value = wire::parse_json(body());
  const wire::Value* list = value ? value->find("keys") : nullptr;
  if (list == nullptr || list->elements() == nullptr) return std::nullopt;
  std::vector<ProbedKey> out;
  for (const wire::Value& item : *list->elements()) {
    ProbedKey& key = out.emplace_back();
    key.id = item.text("key_ID");
    key.uuid = !etsi014::normal_uuid(key.id).empty();
    auto bytes = unbase64(item.text("key"));
    key.base64 = bytes.has_value() && !bytes->empty();
    if (!bytes) continue;
    key.value = Secret(ByteView{*bytes});
    wipe(*bytes);
  }
  return out;
}

std::string Reaction::text() const {
  if (!reply_) return "no answer: " + reply_.error().reason;
  if (is(200)) {
    const auto found = keys();
    return found ? fmt::format("200 with {} key{}", found->size(), found->size() == 1 ? "" : "s") : "200";
  }
  const auto said = message();
  if (said) return fmt::format("{} \"{}\"", status(), printable(*said, 100));
  return fmt::format("{} {}", status(), body().empty() ? "without a body" : "with a body that is no Error");
}

Reaction Probe::get(etsi014::Operation operation, const std::string& sae, const std::string& query) {
  return ask({"GET", etsi014::path_of(operation, sae) + query, {}});
}

Reaction Probe::post(etsi014::Operation operation, const std::string& sae, const std::string& body) {
  return ask({"POST", etsi014::path_of(operation, sae), body});
}

Reaction Probe::ask(etsi014::Exchange exchange) {
  Reaction out(send_(exchange));
  if (out.status() == 0) return out;
  ++habits_.answers;
  const std::string what = exchange.method + " " + printable(exchange.path) + ": " + out.text();
  const auto note = [&](std::string& where) {
    if (where.empty()) where = what;
  };
  switch (out.status()) {
    case 200:
      if (!lower(out.content_type()).starts_with("application/json")) {
        note(habits_.strange_type);
        if (habits_.strange_type == what) habits_.strange_type += ", as \"" + printable(out.content_type(), 60) + "\"";
      }
      break;
    case 400:
    case 503:
      ++habits_.errors;
      if (!out.message()) note(habits_.strange_error);
      break;
    case 401:
      ++habits_.refusals;
      if (!out.body().empty()) note(habits_.strange_401);
      break;
    default:
      note(habits_.strange_status);
  }
  return out;
}

}  // namespace tlspool::qkd
