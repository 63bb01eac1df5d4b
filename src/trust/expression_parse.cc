// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "base/text.h"
#include "trust/expression.h"

namespace tlspool::trust {
namespace {

constexpr std::string_view an_operand = "a check, not, if or (";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }
bool is_keyword(std::string_view word) {
  return word == "and" || word == "or" || word == "not" || word == "if" || word == "then" || word == "else";
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { advance(); }

  tl::expected<Expression, Mistake> run() {
    out_.root = any();
    if (!token_.empty()) expected("and, or, or the end");
    if (mistake_) return tl::unexpected(std::move(*mistake_));
    return std::move(out_);
  }

 private:
  /// A word, or one other character; empty at the end.
  void advance() {
    while (next_ < text_.size() && is_space(text_[next_])) ++next_;
    at_ = next_;
    if (next_ < text_.size() && is_letter(text_[next_])) {
      while (next_ < text_.size() && is_word(text_[next_])) ++next_;
    } else if (next_ < text_.size()) {
      ++next_;
    }
    token_ = text_.substr(at_, next_ - at_);
  }

  // The first mistake is the one that counts. The text ends with it, so that all loops do.
  void wrong(Mistake mistake) {
    if (!mistake_) mistake_ = std::move(mistake);
    text_ = text_.substr(0, 0);
    next_ = 0;
    token_ = {};
  }

  void expected(std::string_view what) {
    wrong({at_, "expected " + std::string(what) + ", found " + (token_.empty() ? "the end" : "\"" + printable(token_, 64) + "\""), {}});
  }

  bool take(std::string_view token) {
    if (token_ != token) return false;
    advance();
    return true;
  }

  void need(std::string_view token) {
    if (!take(token)) expected("and, or, or " + std::string(token));
  }

  // `a and (b and c)` is `a and b and c`.
  static void append(Node& list, Node part) {
    if (part.kind == list.kind) {
      std::move(part.parts.begin(), part.parts.end(), std::back_inserter(list.parts));
    } else {
      list.parts.push_back(std::move(part));
    }
  }

  Node list(Node::Kind kind, std::string_view word, Node (Parser::*part)()) {
    const std::size_t at = at_;
    Node first = (this->*part)();
    if (token_ != word) return first;
    Node out{kind, 0, {}, at};
    append(out, std::move(first));
    while (take(word)) append(out, (this->*part)());
    return out;
  }

  Node any() { return list(Node::Kind::any, "or", &Parser::all); }
  Node all() { return list(Node::Kind::all, "and", &Parser::operand); }

  Node operand() {
    if (depth_ == deepest_expression) {
      wrong({at_, "this is nested more than " + std::to_string(deepest_expression) + " deep", {}});
      return {};
    }
    ++depth_;
    Node out = unguarded_operand();
    --depth_;
    return out;
  }

  Node unguarded_operand() {
    const std::size_t at = at_;
    if (take("not")) {
      Node out{Node::Kind::negation, 0, {}, at};
      out.parts.push_back(operand());
      return out;
    }
    if (take("if")) {
      Node out{Node::Kind::choice, 0, {}, at};
      out.parts.push_back(any());
      need("then");
      out.parts.push_back(any());
      need("else");
      out.parts.push_back(any());
      return out;
    }
    if (take("(")) {
      Node out = any();
      need(")");
      return out;
    }
    return check();
  }

  Node check() {
    const std::size_t at = at_;
    const std::string_view name = token_;
    if (name.empty() || !is_letter(name[0]) || is_keyword(name)) {
      expected(an_operand);
      return {};
    }
    advance();
    std::optional<std::string_view> argument;
    std::size_t argument_at = at;
    if (token_ == "(") {
      argument = this->argument(name, argument_at);
      if (mistake_) return {};
    }
    auto made = make_check(name, argument ? &*argument : nullptr);
    if (!made) {
      made.error().at = made.error().at == 0 ? at : argument_at;
      wrong(std::move(made.error()));
      return {};
    }
    return mention(std::move(*made), at);
  }

  /// From the ( that is the token to the ) behind the argument.
  std::string_view argument(std::string_view name, std::size_t& at) {
    const std::size_t end = text_.find(')', next_);
    if (end == std::string_view::npos) {
      wrong({at_, "expected ) behind the argument of " + std::string(name.substr(0, 64)) + ", found the end", {}});
      return {};
    }
    std::string_view out = text_.substr(next_, end - next_);
    while (!out.empty() && is_space(out.front())) out.remove_prefix(1);
    while (!out.empty() && is_space(out.back())) out.remove_suffix(1);
    at = static_cast<std::size_t>(out.data() - text_.data());
    next_ = end + 1;
    advance();
    return out;
  }

  Node mention(Check check, std::size_t at) {
    const auto found = std::find(out_.checks.begin(), out_.checks.end(), check);
    const auto index = static_cast<std::size_t>(found - out_.checks.begin());
    if (found == out_.checks.end()) out_.checks.push_back(std::move(check));
    if (out_.checks.size() > most_checks) {
      wrong({at, "this is the " + std::to_string(most_checks + 1) + "th different check; an expression has at most " + std::to_string(most_checks), {}});
    } else if (++mentions_ > most_mentions) {
      wrong({at, "an expression names at most " + std::to_string(most_mentions) + " checks", {}});
    }
    return Node{Node::Kind::check, index, {}, at};
  }

  std::string_view text_;
  std::size_t next_ = 0;
  std::size_t at_ = 0;      // of token_
  std::string_view token_;
  std::size_t depth_ = 0;
  std::size_t mentions_ = 0;
  Expression out_;
  std::optional<Mistake> mistake_;
};

}  // namespace

tl::expected<Expression, Mistake> parse_expression(std::string_view text) {
  if (text.size() > longest_expression) {
    return tl::unexpected(Mistake{longest_expression, "the expression is longer than " + std::to_string(longest_expression) + " bytes", {}});
  }
  auto out = Parser(text).run();
  if (!out) return out;
  if (const Node* part = useless_part(*out)) {
    const std::string which = part == &out->root ? "the expression" : "this part";
    return tl::unexpected(Mistake{part->at, which + " can't ever hold, whatever the checks answer: " + printable(trust::text(*out, *part)), {}});
  }
  return out;
}

}  // namespace tlspool::trust
