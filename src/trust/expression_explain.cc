// SPDX-License-Identifier: Apache-2.0
#include "trust/expression_explain.h"

#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::size_t column = 11;
constexpr std::size_t longest_reason = 512;

/// What of a part matters to those around it: below a `not` whether it is shown to be false, in a condition either.
enum class Matters : std::uint8_t { truth, falsity, either };

Matters below_not(Matters matters) {
  switch (matters) {
    case Matters::truth: return Matters::falsity;
    case Matters::falsity: return Matters::truth;
    case Matters::either: return Matters::either;
  }
  return Matters::either;
}

Explained::Said said(const Shown& s, Matters matters) {
  if (s.is_true) return Explained::Said::yes;
  if (s.is_false) return Explained::Said::no;
  const bool open = (s.may_be_true && matters != Matters::falsity) || (s.may_be_false && matters != Matters::truth);
  return open ? Explained::Said::open : Explained::Said::no_answer;
}

Matters matters_in(const Node& node, std::size_t part, Matters matters) {
  if (node.kind == Node::Kind::negation) return below_not(matters);
  return node.kind == Node::Kind::choice && part == 0 ? Matters::either : matters;
}

std::string_view word(const Explained& e) {
  switch (e.said) {
    case Explained::Said::yes: return "yes";
    case Explained::Said::no: return "no";
    case Explained::Said::no_answer: return "no answer";
    case Explained::Said::open: return e.parts.empty() ? "not asked" : "open";
  }
  return {};
}

Explained explain_part(const Expression& e, const Node& node, const Answers& answers, const std::vector<std::string>& reasons, Matters matters) {
  Explained out{text(e, node), said(shown(node, answers), matters), {}, {}};
  if (node.kind == Node::Kind::check && node.check < reasons.size()) out.reason = reasons[node.check];
  for (std::size_t i = 0; i < node.parts.size(); ++i) {
    out.parts.push_back(explain_part(e, node.parts[i], answers, reasons, matters_in(node, i, matters)));
  }
  if (node.kind == Node::Kind::choice) {
    out.parts[0].text.insert(0, "if ");
    out.parts[1].text.insert(0, "then ");
    out.parts[2].text.insert(0, "else ");
  }
  return out;
}

void render_part(const Explained& e, std::size_t depth, std::string& out) {
  const std::string_view first = word(e);
  out += std::string(first) + std::string(column - first.size() + depth * 2, ' ') + printable(e.text, longest_expression);
  if (!e.reason.empty()) out += ": " + printable(e.reason, longest_reason);
  out += '\n';
  for (const Explained& part : e.parts) render_part(part, depth + 1, out);
}

}  // namespace

Explained explain(const Expression& expression, const Answers& answers, const std::vector<std::string>& reasons) {
  return explain_part(expression, expression.root, answers, reasons, Matters::truth);
}

std::string render(const Explained& explained) {
  std::string out;
  render_part(explained, 0, out);
  return out;
}

}  // namespace tlspool::trust
