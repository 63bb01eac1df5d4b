// SPDX-License-Identifier: Apache-2.0
#include "authz/hook_answer.h"

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"
#include "wire/json.h"

namespace tlspool::authz {
namespace {

using wire::Value;

constexpr std::int64_t longest_ttl = 24 * 60 * 60;
constexpr std::size_t longest_reason = 512;

tl::unexpected<Error> wrong(std::string reason) { return fail({Code::protocol, "answer", "", std::move(reason), {}}); }

// Null is as good as absent: many languages write it so.
Result<std::string> read_text(const Value& from, const char* name) {
  const Value* found = from.find(name);
  if (found == nullptr) return std::string();
  if (const std::string* text = found->string()) return *text;
  return wrong(std::string(name) + " is no text");
}

Status read_groups(const Value& from, std::vector<std::string>& out) {
  const Value* found = from.find("groups");
  if (found == nullptr) return {};
  const Value::Array* list = found->elements();
  if (list == nullptr) return wrong("groups is no list");
  for (const Value& item : *list) {
    const std::string* group = item.string();
    if (group == nullptr) return wrong("groups has an element that is no text");
    if (!contains(out, *group)) out.push_back(*group);
  }
  return {};
}

Status read_values(const Value& from, std::vector<std::pair<std::string, std::string>>& out) {
  const Value* found = from.find("attributes");
  if (found == nullptr) return {};
  const Value::Object* object = found->members();
  if (object == nullptr) return wrong("attributes is no object");
  for (const auto& [name, value] : *object) {
    const std::string* text = value.string();
    if (text == nullptr) return wrong("the attribute " + printable(name, 64) + " is no text");
    out.emplace_back(name, *text);
  }
  return {};
}

Result<HookAnswer> read_result(const Value& result) {
  HookAnswer out;
  if (const bool* allow = result.boolean()) {
    out.allow = *allow;
    return out;
  }
  if (result.members() == nullptr) return wrong("result is neither true nor false nor an object");
  const Value* allow = result.find("allow");
  if (allow == nullptr || allow->boolean() == nullptr) return wrong("result has no allow that is true or false");
  out.allow = *allow->boolean();
  auto alias = read_text(result, "alias");
  if (!alias) return fail(std::move(alias.error()));
  out.attributes.alias = std::move(*alias);
  auto reason = read_text(result, "reason");
  if (!reason) return fail(std::move(reason.error()));
  out.reason = printable(*reason, longest_reason);
  if (auto done = read_groups(result, out.attributes.groups); !done) return fail(std::move(done.error()));
  if (auto done = read_values(result, out.attributes.values); !done) return fail(std::move(done.error()));
  if (auto done = wire::check_attributes(out.attributes); !done) return wrong(done.error().reason);
  if (const Value* ttl = result.find("ttl")) {
    const std::int64_t* seconds = ttl->integer();
    if (seconds == nullptr || *seconds < 0) return wrong("ttl is no number of seconds");
    out.ttl = static_cast<std::uint32_t>(std::min(*seconds, longest_ttl));
  }
  return out;
}

}  // namespace

std::string hook_question(const Facts& facts, std::optional<std::uint64_t> id) {
  Value names = Value::array();
  for (const std::string& name : facts.names) names.push(name);
  Value input = Value::object();
  input.set("remote", wire::or_null(facts.remote))
      .set("names", std::move(names))
      .set("issuer", wire::or_null(facts.issuer))
      .set("anchor", wire::or_null(facts.anchor))
      .set("verifiedBy", facts.how.empty() ? "none" : facts.how.c_str())
      .set("local", wire::or_null(facts.local))
      .set("service", wire::or_null(facts.service))
      .set("role", wire::role_word(facts.role))
      .set("uid", facts.uid)
      .set("executable", wire::or_null(facts.executable))
      .set("sharedKey", facts.shared_key)
      .set("resumed", facts.resumed)
      .set("time", static_cast<std::int64_t>(facts.now));
  Value out = Value::object();
  if (id) out.set("id", *id);
  return wire::to_json(out.set("input", std::move(input)));
}

Result<HookAnswer> parse_hook_answer(std::string_view text, std::optional<std::uint64_t> id) {
  if (text.size() > longest_answer) return wrong("it is longer than 64 KiB");
  const auto value = wire::parse_json(text);
  if (!value) return wrong("it is no JSON: " + value.error().reason);
  if (value->members() == nullptr) return wrong("it is no JSON object");
  if (id) {
    const Value* found = value->find("id");
    if (found == nullptr || found->integer() == nullptr) return wrong("it has no id");
    if (static_cast<std::uint64_t>(*found->integer()) != *id) return wrong("its id is that of another question");
  }
  const Value* result = value->find("result");
  if (result == nullptr) return wrong("it has no result");
  return read_result(*result);
}

void add_attributes(wire::Attributes& to, const wire::Attributes& more) {
  if (to.alias.empty()) to.alias = more.alias;
  for (const std::string& group : more.groups) {
    if (!contains(to.groups, group)) to.groups.push_back(group);
  }
  for (const auto& value : more.values) {
    const auto same = [&](const auto& known) { return known.first == value.first; };
    if (std::none_of(to.values.begin(), to.values.end(), same)) to.values.push_back(value);
  }
}

}  // namespace tlspool::authz
