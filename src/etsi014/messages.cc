// SPDX-License-Identifier: Apache-2.0
#include "etsi014/messages.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::etsi014 {
namespace {

constexpr std::size_t least_key_bytes = 16;  // RFC 9257 section 6: 128 bits
constexpr std::size_t most_details = 8;

Error malformed(std::string_view what, std::string reason) {
  return {Code::protocol, "parse", std::string(what), std::move(reason), {}};
}

Result<wire::Value> parse_object(std::string_view what, std::string_view text) {
  if (text.size() > longest_body) return fail(malformed(what, "longer than 1 MiB"));
  auto value = wire::parse_json(text);
  if (!value) return fail(malformed(what, value.error().reason));
  if (value->members() == nullptr) return fail(malformed(what, "no JSON object"));
  return value;
}

/// Reads members one after another; the first that is wrong is kept.
class Members {
 public:
  Members(std::string_view what, const wire::Value& object) : what_(what), object_(object) {}

  std::string text(std::string_view name) {
    const wire::Value* member = object_.find(name);
    if (member == nullptr) return wrong<std::string>(name, "missing");
    if (member->string() == nullptr) return wrong<std::string>(name, "no string");
    return *member->string();
  }
  std::int64_t count(std::string_view name, std::int64_t least, std::optional<std::int64_t> otherwise = {}) {
    const wire::Value* member = object_.find(name);
    if (member == nullptr) return otherwise ? *otherwise : wrong<std::int64_t>(name, "missing");
    const std::int64_t* number = member->integer();
    if (number == nullptr) return wrong<std::int64_t>(name, "no integer");
    if (*number < least || *number > std::numeric_limits<std::int32_t>::max()) {
      return wrong<std::int64_t>(name, "out of range");
    }
    return *number;
  }
  /// Empty where it is not there.
  wire::Value::Array list(std::string_view name) {
    const wire::Value* member = object_.find(name);
    if (member == nullptr) return {};
    if (member->elements() == nullptr) return wrong<wire::Value::Array>(name, "no array");
    return *member->elements();
  }
  wire::Value::Array objects(std::string_view name) {
    wire::Value::Array out = list(name);
    const auto is_object = [](const wire::Value& item) { return item.members() != nullptr; };
    if (!std::all_of(out.begin(), out.end(), is_object)) return wrong<wire::Value::Array>(name, "holds what is no object");
    return out;
  }
  template <class T>
  T wrong(std::string_view name, std::string_view why) {
    if (!error_) error_ = malformed(what_, std::string(name) + ": " + std::string(why));
    return T{};
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::string_view what_;
  const wire::Value& object_;
  std::optional<Error> error_;
};

/// Wipes the strings of a parsed answer that holds keys, when it is no longer needed.
class WipedValue {
 public:
  explicit WipedValue(wire::Value value) : value_(std::move(value)) {}
  WipedValue(const WipedValue&) = delete;
  WipedValue& operator=(const WipedValue&) = delete;
  ~WipedValue() { wipe_strings(value_); }
  [[nodiscard]] const wire::Value& get() const { return value_; }

 private:
  // Value shows its parts as const only; they are parts of value_, which is not.
  static void wipe_strings(const wire::Value& value) {
    if (const auto* text = value.string()) tlspool::wipe(const_cast<char*>(text->data()), text->size());
    if (const auto* items = value.elements()) {
      for (const wire::Value& item : *items) wipe_strings(item);
    }
    if (const auto* members = value.members()) {
      for (const auto& member : *members) wipe_strings(member.second);
    }
  }
  wire::Value value_;
};

/// What is wrong with this key; empty: `into` is good.
std::string read_key(const wire::Value& item, const Expected& expected, Key& into) {
  const std::string* id = item.find("key_ID") != nullptr ? item.find("key_ID")->string() : nullptr;
  const std::string* value = item.find("key") != nullptr ? item.find("key")->string() : nullptr;
  if (id == nullptr) return "a key without key_ID";
  into.id = normal_uuid(*id);
  if (into.id.empty()) return "key_ID " + printable(*id, 64) + ": no UUID";
  const std::string name = "key_ID " + into.id + ": ";
  if (value == nullptr) return name + "no key came with it";
  auto bytes = unbase64(*value);
  if (!bytes) return name + "its key is not base64";
  into.value = Secret(*bytes);
  const std::size_t size = bytes->size();
  wipe(*bytes);
  const auto has = name + "its key has " + std::to_string(size * 8) + " bits";
  if (expected.bits != 0 && size * 8 != expected.bits) return has + ", not the " + std::to_string(expected.bits) + " asked for";
  if (size < least_key_bytes) return has + ", fewer than 128";
  if (size * 8 > largest_key_bits) return has + ", more than " + std::to_string(largest_key_bits);
  return {};
}

}  // namespace

std::string normal_uuid(std::string_view text) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != form.size()) return {};
  std::string out = lower(text);
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = (out[i] >= '0' && out[i] <= '9') || (out[i] >= 'a' && out[i] <= 'f');
    if (form[i] == '-' ? out[i] != '-' : !digit) return {};
  }
  return out;
}

bool is_sae_id(std::string_view text) {
  return !text.empty() && text.size() <= longest_sae &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

Result<Status> parse_status(std::string_view text) {
  const auto value = parse_object("status", text);
  if (!value) return fail(value.error());
  Members in("status", *value);
  Status out;
  out.source_kme = in.text("source_KME_ID");
  out.target_kme = in.text("target_KME_ID");
  out.master_sae = in.text("master_SAE_ID");
  out.slave_sae = in.text("slave_SAE_ID");
  out.key_size = in.count("key_size", 1);
  out.stored_key_count = in.count("stored_key_count", 0);
  out.max_key_count = in.count("max_key_count", 0);
  out.max_key_per_request = in.count("max_key_per_request", 0);
  out.max_key_size = in.count("max_key_size", 0);
  out.min_key_size = in.count("min_key_size", 0);
  out.max_sae_id_count = in.count("max_SAE_ID_count", 0);
  if (in.error()) return fail(*in.error());
  return out;
}

Result<KeyContainer> parse_keys(std::string_view text, const Expected& expected) {
  auto parsed = parse_object("key container", text);
  if (!parsed) return fail(parsed.error());
  const WipedValue value(std::move(*parsed));
  const wire::Value* list = value.get().find("keys");
  if (list == nullptr || list->elements() == nullptr) return fail(malformed("key container", "keys: no array"));
  KeyContainer out;
  // An id that stands twice names no key: which of the two would the other side get?
  std::map<std::string, unsigned> seen;
  for (const wire::Value& item : *list->elements()) {
    if (const auto* id = item.find("key_ID"); id != nullptr && id->string() != nullptr) ++seen[normal_uuid(*id->string())];
  }
  std::set<std::string> missing;
  for (const std::string& id : expected.ids) missing.insert(normal_uuid(id));
  const bool any_id = missing.empty();
  std::size_t superfluous = 0;
  for (const wire::Value& item : *list->elements()) {
    Key key;
    std::string problem = read_key(item, expected, key);
    if (problem.empty() && seen[key.id] > 1) problem = "key_ID " + key.id + ": it stands twice in the answer";
    if (problem.empty() && !any_id && missing.erase(key.id) == 0) problem = "key_ID " + key.id + ": nobody asked for it";
    if (!problem.empty()) {
      missing.erase(key.id);
      if (!contains(out.problems, problem)) out.problems.push_back(problem);
    } else if (any_id && out.keys.size() == expected.number) {
      ++superfluous;
    } else {
      out.keys.push_back(std::move(key));
    }
  }
  for (const std::string& id : missing) out.problems.push_back("key_ID " + id + ": it was not delivered");
  if (superfluous > 0) {
    out.problems.push_back(std::to_string(superfluous) + " more than the " + std::to_string(expected.number) + " keys asked for");
  }
  if (any_id && list->elements()->size() < expected.number) {
    out.problems.push_back(std::to_string(list->elements()->size()) + " keys came, not the " +
                           std::to_string(expected.number) + " asked for");
  }
  if (out.keys.empty()) return fail(malformed("key container", out.problems.empty() ? "no key" : out.problems.front()));
  return out;
}

Result<ErrorMessage> parse_error(std::string_view text) {
  const auto value = parse_object("error", text);
  if (!value) return fail(value.error());
  Members in("error", *value);
  ErrorMessage out;
  out.message = in.text("message");
  for (const wire::Value& detail : in.objects("details")) {
    if (out.details.size() == most_details) break;
    std::string line = wire::to_json(detail);
    out.details.push_back(line.substr(1, line.size() - 2));  // without the braces
  }
  if (in.error()) return fail(*in.error());
  return out;
}

Result<KeyRequest> parse_key_request(std::string_view text) {
  const auto value = parse_object("key request", text);
  if (!value) return fail(value.error());
  Members in("key request", *value);
  KeyRequest out;
  out.number = static_cast<std::uint32_t>(in.count("number", 1, 1));
  out.size = static_cast<std::uint32_t>(in.count("size", 1, 0));
  for (const wire::Value& sae : in.list("additional_slave_SAE_IDs")) {
    if (sae.string() == nullptr || !is_sae_id(*sae.string())) {
      in.wrong<int>("additional_slave_SAE_IDs", "holds what is no SAE id");
    } else if (std::find(out.additional_slaves.begin(), out.additional_slaves.end(), *sae.string()) !=
               out.additional_slaves.end()) {
      in.wrong<int>("additional_slave_SAE_IDs", "an SAE id stands twice");
    } else {
      out.additional_slaves.push_back(*sae.string());
    }
  }
  out.mandatory = in.objects("extension_mandatory");
  out.optional = in.objects("extension_optional");
  if (in.error()) return fail(*in.error());
  return out;
}

Result<std::vector<std::string>> parse_key_ids(std::string_view text) {
  const auto value = parse_object("key ids", text);
  if (!value) return fail(value.error());
  Members in("key ids", *value);
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const wire::Value& item : in.objects("key_IDs")) {
    const std::string id = normal_uuid(item.text("key_ID"));
    if (id.empty()) return fail(malformed("key ids", "key_ID: no UUID"));
    if (!seen.insert(id).second) return fail(malformed("key ids", "key_ID " + id + ": it stands twice"));
    out.push_back(id);
  }
  if (in.error()) return fail(*in.error());
  if (out.empty()) return fail(malformed("key ids", "key_IDs: none"));
  return out;
}

}  // namespace tlspool::etsi014
