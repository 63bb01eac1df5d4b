// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "wire/json.h"

namespace tlspool::wire {
namespace {

const Value* member(const Value::Object* object, std::string_view name) {
  if (object == nullptr) return nullptr;
  for (const auto& [key, value] : *object) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// Length of the well-formed UTF-8 sequence at `at` (Unicode 15, table 3-7), 0 where there is none.
std::size_t sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto code = static_cast<unsigned char>(c);
  out += "\\u00";
  out += digits[code >> 4];
  out += digits[code & 15];
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;  // of the stretch that goes out as it is
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const bool plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
    const std::size_t size = plain ? 1 : c >= 0x80 ? sequence(text, at) : 0;
    if (size > 0) {
      at += size;
      continue;
    }
    out += text.substr(start, at - start);
    if (c < 0x80) {
      append_escaped(out, text[at]);
    } else {
      out += "\xEF\xBF\xBD";
    }
    start = ++at;
  }
  out += text.substr(start);
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// So that it is read again as what it was: the shortest digits of -0.0 and of 10^20 are those of integers.
void append_real(std::string& out, double real) {
  const std::size_t begin = out.size();
  append_number(out, real);
  if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
}

}  // namespace

Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

const Value* Value::find(std::string_view name) const {
  const Value* found = member(members(), name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string Value::text(std::string_view name, std::string_view otherwise) const {
  const Value* found = find(name);
  const std::string* text = found == nullptr ? nullptr : found->string();
  return text == nullptr ? std::string(otherwise) : *text;
}

std::int64_t Value::number(std::string_view name, std::int64_t otherwise) const {
  const Value* found = find(name);
  const std::int64_t* number = found == nullptr ? nullptr : found->integer();
  return number == nullptr ? otherwise : *number;
}

bool Value::flag(std::string_view name, bool otherwise) const {
  const Value* found = find(name);
  const bool* flag = found == nullptr ? nullptr : found->boolean();
  return flag == nullptr ? otherwise : *flag;
}

Value& Value::set(std::string name, Value value) {
  if (members() == nullptr) data_ = Object{};
  auto& object = std::get<Object>(data_);
  for (auto& [key, old] : object) {
    if (key == name) {
      old = std::move(value);
      return *this;
    }
  }
  object.emplace_back(std::move(name), std::move(value));
  return *this;
}

Value& Value::push(Value value) {
  if (elements() == nullptr) data_ = Array{};
  std::get<Array>(data_).push_back(std::move(value));
  return *this;
}

Value Value::take(std::string_view name) {
  const Value* found = member(members(), name);
  return found == nullptr ? Value{} : std::exchange(const_cast<Value&>(*found), Value{});
}

void append_json(std::string& out, const Value& value) {
  if (value.is_null()) {
    out += "null";
  } else if (const bool* flag = value.boolean()) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* number = value.integer()) {
    append_number(out, *number);
  } else if (const double* real = value.real()) {
    if (std::isfinite(*real)) {
      append_real(out, *real);
    } else {
      out += "null";  // JSON has no other word for it
    }
  } else if (const std::string* text = value.string()) {
    append_string(out, *text);
  } else if (const Value::Array* list = value.elements()) {
    out += '[';
    for (const Value& item : *list) {
      if (&item != list->data()) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else if (const Value::Object* object = value.members()) {
    out += '{';
    for (const auto& item : *object) {
      if (&item != object->data()) out += ',';
      append_string(out, item.first);
      out += ':';
      append_json(out, item.second);
    }
    out += '}';
  }
}

std::string to_json(const Value& value) {
  std::string out;
  out.reserve(256);
  append_json(out, value);
  return out;
}

Value or_null(std::string text) { return text.empty() ? Value() : Value(std::move(text)); }

}  // namespace tlspool::wire
