// SPDX-License-Identifier: Apache-2.0
#include "wire/idl.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/contains.h"
#include "base/text.h"
#include "wire/idl_type.h"

namespace tlspool::wire {
namespace {

struct Method {
  std::string name;
  IdlType input;
  IdlType output;
};
struct Named {
  std::string name;
  IdlType type;
};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/// [A-Z][A-Za-z0-9]*
bool is_type_name(std::string_view word) {
  return !word.empty() && is_upper(word[0]) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

/// [A-Za-z](_?[A-Za-z0-9])*
bool is_field_name(std::string_view word) {
  if (word.empty() || !is_letter(word[0]) || word.back() == '_' || word.find("__") != std::string_view::npos) return false;
  return std::all_of(word.begin(), word.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

/// Two or more labels of letters, digits and inner hyphens, the first begins with a letter.
bool is_interface_name(std::string_view word) {
  if (word.empty() || word.size() > 255 || !is_letter(word[0])) return false;
  const auto labels = split(word, '.');
  return labels.size() > 1 && std::all_of(labels.begin(), labels.end(), [](const std::string& label) {
           return !label.empty() && label.front() != '-' && label.back() != '-' &&
                  std::all_of(label.begin(), label.end(),
                              [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
         });
}

}  // namespace

struct Interface::Impl {
  std::string name;
  std::string text;
  std::deque<Method> methods;  // deques: the addresses that IdlType::target holds must stay
  std::deque<Named> errors;
  std::deque<Named> types;

  [[nodiscard]] const Method* method(std::string_view wanted) const {
    const auto found = std::find_if(methods.begin(), methods.end(), [&](const Method& m) { return m.name == wanted; });
    return found == methods.end() ? nullptr : &*found;
  }
};

namespace {

/// Recursive descent; the first mistake stops it and every function then returns at once.
class Parser {
 public:
  Parser(std::string_view text, Interface::Impl& out) : text_(text), out_(out) {}

  Status run() {
    if (next_word() != "interface") mistake("an interface file begins with `interface NAME`");
    out_.name = std::string(next_word());
    if (!is_interface_name(out_.name)) mistake("not an interface name: " + printable(out_.name, 64));
    while (good() && !at_end()) member();
    if (good() && out_.methods.empty() && out_.errors.empty() && out_.types.empty()) mistake("the interface is empty");
    for (Method& m : out_.methods) {
      resolve(m.input);
      resolve(m.output);
    }
    for (Named& e : out_.errors) resolve(e.type);
    for (Named& t : out_.types) resolve(t.type);
    if (!good()) return fail({Code::protocol, "parse", "line " + std::to_string(wrong_line_), reason_, {}});
    return {};
  }

 private:
  void member() {
    const std::string_view keyword = next_word();
    const std::string name(next_word());
    if (keyword != "type" && keyword != "method" && keyword != "error") {
      return mistake("expected type, method or error, not " + printable(keyword, 32));
    }
    if (!is_type_name(name)) return mistake("not a name: " + printable(name, 64));
    if (!names_.insert(name).second) return mistake(name + " is defined twice");
    IdlType type = bracketed();
    if (keyword == "method") {
      expect("->");
      IdlType output = bracketed();
      if (type.kind != IdlType::Kind::record || output.kind != IdlType::Kind::record) {
        return mistake("method " + name + " needs structs");
      }
      out_.methods.push_back({name, std::move(type), std::move(output)});
    } else if (keyword == "error") {
      if (type.kind != IdlType::Kind::record) return mistake("error " + name + " needs a struct");
      out_.errors.push_back({name, std::move(type)});
    } else {
      out_.types.push_back({name, std::move(type)});
    }
  }

  /// A struct `(a: int, b: string)` or an enum `(a, b)`.
  IdlType bracketed() {
    IdlType type;
    if (++depth_ > max_depth) mistake("types nested too deeply");
    expect("(");
    if (good() && !accept(")")) {
      bool first = true;
      do {
        item(type, first);
        first = false;
      } while (good() && accept(","));
      expect(")");
    }
    --depth_;
    return type;
  }

  void item(IdlType& type, bool first) {
    const std::string name(next_word());
    if (!is_field_name(name)) return mistake("not a field name: " + printable(name, 64));
    if (accept(":")) {
      if (!first && type.kind != IdlType::Kind::record) return mistake("an enum's word with a type: " + name);
      const auto same = [&](const IdlField& f) { return f.name == name; };
      if (std::any_of(type.fields.begin(), type.fields.end(), same)) return mistake(name + " stands twice");
      if (type.fields.size() == max_idl_fields) return mistake("more than 64 fields");
      type.fields.push_back({name, any_type()});
    } else {
      if (!first && type.kind != IdlType::Kind::words) return mistake("a field without a type: " + name);
      if (contains(type.words, name)) {
        return mistake(name + " stands twice");
      }
      type.kind = IdlType::Kind::words;
      type.words.push_back(name);
    }
  }

  IdlType any_type() {
    const bool maybe = accept("?");
    IdlType type = plain_type();
    type.maybe = maybe;
    return type;
  }

  IdlType plain_type() {
    IdlType type;
    if (accept("[")) {
      type.kind = IdlType::Kind::array;
      if (!accept("]")) {
        type.kind = IdlType::Kind::map;
        if (next_word() != "string") mistake("a map is written [string]");
        expect("]");
      }
      if (++depth_ > max_depth) mistake("types nested too deeply");
      if (good()) type.element = std::make_unique<IdlType>(plain_type());
      --depth_;
      return type;
    }
    skip_blank();
    if (at_ < text_.size() && text_[at_] == '(') return bracketed();
    type.line = line_;
    type.name = std::string(next_word());
    using Kind = IdlType::Kind;
    if (type.name == "bool") {
      type.kind = Kind::boolean;
    } else if (type.name == "int") {
      type.kind = Kind::integer;
    } else if (type.name == "float") {
      type.kind = Kind::real;
    } else if (type.name == "string") {
      type.kind = Kind::text;
    } else if (type.name == "object") {
      type.kind = Kind::object;
    } else if (is_type_name(type.name)) {
      type.kind = Kind::named;
    } else {
      mistake("not a type: " + printable(type.name, 64));
    }
    return type;
  }

  void resolve(IdlType& type) {
    if (!good()) return;
    for (IdlField& f : type.fields) resolve(f.type);
    if (type.element) resolve(*type.element);
    if (type.kind != IdlType::Kind::named) return;
    const auto found =
        std::find_if(out_.types.begin(), out_.types.end(), [&](const Named& t) { return t.name == type.name; });
    if (found == out_.types.end()) {
      line_ = type.line;
      return mistake("type " + type.name + " is not defined");
    }
    type.target = &found->type;
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        line_ += c == '\n';
        ++at_;
      } else {
        return;
      }
    }
  }
  bool at_end() {
    skip_blank();
    return at_ == text_.size();
  }
  std::string_view next_word() {
    if (!good()) return {};
    skip_blank();
    const std::size_t start = at_;
    const auto in_word = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-'; };
    while (at_ < text_.size() && in_word(text_[at_]) && !text_.substr(at_).starts_with("->")) ++at_;
    return text_.substr(start, at_ - start);
  }
  bool accept(std::string_view token) {
    if (!good()) return false;
    skip_blank();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (good() && !accept(token)) mistake("expected " + std::string(token));
  }
  void mistake(std::string reason) {
    if (!good()) return;
    reason_ = std::move(reason);
    wrong_line_ = line_;
  }
  [[nodiscard]] bool good() const { return reason_.empty(); }

  static constexpr int max_depth = 16;
  std::string_view text_;
  Interface::Impl& out_;
  std::set<std::string> names_;
  std::size_t at_ = 0;
  int line_ = 1;
  int depth_ = 0;
  int wrong_line_ = 0;
  std::string reason_;
};

Status check(const IdlType& type, const Value& parameters) {
  std::string path;
  if (type.fits(parameters, path)) return {};
  return fail({Code::invalid, "parameter", std::move(path), "is missing, unknown or of another type", {}});
}

}  // namespace

Interface::Interface() : impl_(std::make_unique<Impl>()) {}
Interface::Interface(Interface&&) noexcept = default;
Interface& Interface::operator=(Interface&&) noexcept = default;
Interface::~Interface() = default;

Result<Interface> Interface::parse(std::string_view text) {
  Interface out;
  out.impl_->text = std::string(text);
  if (auto parsed = Parser(out.impl_->text, *out.impl_).run(); !parsed) return fail(std::move(parsed.error()));
  return out;
}

const std::string& Interface::name() const { return impl_->name; }
const std::string& Interface::text() const { return impl_->text; }

std::vector<std::string> Interface::methods() const {
  std::vector<std::string> out;
  for (const Method& m : impl_->methods) out.push_back(m.name);
  return out;
}

std::vector<std::string> Interface::errors() const {
  std::vector<std::string> out;
  for (const Named& e : impl_->errors) out.push_back(e.name);
  return out;
}

bool Interface::has_method(std::string_view method) const { return impl_->method(method) != nullptr; }

Status Interface::check_call(std::string_view method, const Value& parameters) const {
  const Method* found = impl_->method(method);
  if (found == nullptr) return fail({Code::not_found, "method", std::string(method), "is not in " + name(), {}});
  return check(found->input, parameters);
}

Status Interface::check_reply(std::string_view method, const Value& parameters) const {
  const Method* found = impl_->method(method);
  if (found == nullptr) return fail({Code::not_found, "method", std::string(method), "is not in " + name(), {}});
  return check(found->output, parameters);
}

}  // namespace tlspool::wire
