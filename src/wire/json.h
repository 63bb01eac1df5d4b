// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace tlspool::wire {

/// One JSON value. Objects keep the order in which their members were set; a parsed object with the same
/// member twice is refused. Small on purpose: nlohmann-json does the parsing, in json.cc alone.
class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  Value() = default;  ///< null
  Value(std::nullptr_t) {}
  // Defined in value.cc: inlined, g++ 12 takes the variant's idle alternatives for uninitialised memory.
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();
  Value(bool b) : data_(b) {}
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Value(T n) : data_(static_cast<std::int64_t>(n)) {}
  Value(double d) : data_(d) {}
  Value(std::string s) : data_(std::move(s)) {}
  Value(std::string_view s) : data_(std::string(s)) {}
  Value(const char* s) : data_(std::string(s)) {}
  Value(Array a) : data_(std::move(a)) {}
  Value(Object o) : data_(std::move(o)) {}
  static Value object() { return Value(Object{}); }
  static Value array() { return Value(Array{}); }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  /// Null pointer where the value is of another kind.
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data_); }
  [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  [[nodiscard]] const double* real() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const Array* elements() const { return std::get_if<Array>(&data_); }
  [[nodiscard]] const Object* members() const { return std::get_if<Object>(&data_); }

  /// The member of an object; null pointer where there is none, where it is JSON null, or for a non-object.
  [[nodiscard]] const Value* find(std::string_view name) const;
  // Shorthands for a member: its value, or the second argument where find() finds none of that kind.
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const;
  [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t otherwise = 0) const;
  [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const;

  /// Adds or replaces a member; makes an object of a null.
  Value& set(std::string name, Value value);
  /// Appends; makes an array of a null.
  Value& push(Value value);
  /// Moves a member out and leaves null in its place; null where there is none.
  [[nodiscard]] Value take(std::string_view name);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

/// Null for an empty text: what an interface file calls `?string`.
[[nodiscard]] Value or_null(std::string text);

/// RFC 8259, UTF-8 checked. Refuses: anything after the value, integers outside 64 signed bits, duplicate
/// members, more than 16 levels. Error: Code::protocol with the byte offset in its reason.
[[nodiscard]] Result<Value> parse_json(std::string_view text);
/// Compact, one line. Bytes that are not UTF-8 are replaced by U+FFFD.
[[nodiscard]] std::string to_json(const Value& value);
/// The same, at the end of `out`.
void append_json(std::string& out, const Value& value);

}  // namespace tlspool::wire
