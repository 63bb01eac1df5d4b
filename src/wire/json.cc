// SPDX-License-Identifier: Apache-2.0
#include "wire/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace tlspool::wire {
namespace {

constexpr std::size_t max_levels = 16;

bool has_duplicates(const Value::Object& object) {
  if (object.size() < 2) return false;
  std::vector<std::string_view> names;
  names.reserve(object.size());
  for (const auto& member : object) names.push_back(member.first);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

/// Builds a Value from nlohmann's events; a `false` from any of them ends the parsing.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put(Value{}); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) return too_large();
    return put(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    // nlohmann hands over integers beyond 64 bits as floats.
    if (digits.find_first_of(".eE") == std::string::npos) return too_large();
    return put(value);
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(Value::object()); }
  bool start_array(std::size_t) override { return open(Value::array()); }
  bool key(string_t& value) override {
    open_.back().key = std::move(value);
    return true;
  }
  bool end_object() override {
    if (has_duplicates(open_.back().object)) return refuse("a member stands twice in one object");
    return close(Value(std::move(open_.back().object)));
  }
  bool end_array() override { return close(Value(std::move(open_.back().array))); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    if (reason_.empty()) reason_ = "not JSON at byte " + std::to_string(position);
    return false;
  }

  Value take() { return std::move(root_); }
  [[nodiscard]] std::string reason() const { return reason_.empty() ? "not JSON" : reason_; }

 private:
  struct Level {
    bool is_object = false;
    std::string key;
    Value::Object object;
    Value::Array array;
  };
  bool put(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = open_.back(); level.is_object) {
      level.object.emplace_back(std::move(level.key), std::move(value));
    } else {
      level.array.push_back(std::move(value));
    }
    return true;
  }
  bool open(const Value& kind) {
    if (open_.size() == max_levels) return refuse("more than 16 levels");
    open_.push_back({kind.members() != nullptr, {}, {}, {}});
    return true;
  }
  bool close(Value value) {
    open_.pop_back();
    return put(std::move(value));
  }
  bool too_large() { return refuse("an integer beyond 64 bits"); }
  bool refuse(std::string why) {
    reason_ = std::move(why);
    return false;
  }
  std::vector<Level> open_;
  Value root_;
  std::string reason_;
};

Error no_json(std::string reason) { return {Code::protocol, "parse", "JSON", std::move(reason), {}}; }

}  // namespace

Result<Value> parse_json(std::string_view text) {
  // nlohmann takes a NUL for the end of the text and would not look at what follows.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(no_json("a NUL at byte " + std::to_string(nul + 1)));
  }
  try {
    Builder builder;
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return fail(no_json(builder.reason()));
    return builder.take();
  } catch (const std::exception& e) {
    return fail(no_json(e.what()));
  }
}

}  // namespace tlspool::wire
