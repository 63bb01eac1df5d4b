// SPDX-License-Identifier: Apache-2.0
#include "trust/expression.h"

namespace tlspool::trust {
namespace {

/// What may stand in a place without parentheses: itself and all below it.
enum class Binds : std::uint8_t { choice, any, all, operand };

Binds binding(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::choice: return Binds::choice;
    case Node::Kind::any: return Binds::any;
    case Node::Kind::all: return Binds::all;
    case Node::Kind::negation:
    case Node::Kind::check: return Binds::operand;
  }
  return Binds::choice;
}

std::string print(const Expression& e, const Node& node, Binds least);

std::string joined(const Expression& e, const Node& node, std::string_view word, Binds least) {
  std::string out;
  for (const Node& part : node.parts) out += (out.empty() ? std::string() : std::string(word)) + print(e, part, least);
  return out;
}

std::string plain(const Expression& e, const Node& node) {
  switch (node.kind) {
    case Node::Kind::check: return e.checks[node.check].text();
    case Node::Kind::negation: return "not " + print(e, node.parts[0], Binds::operand);
    case Node::Kind::all: return joined(e, node, " and ", Binds::operand);
    case Node::Kind::any: return joined(e, node, " or ", Binds::operand);
    case Node::Kind::choice:
      return "if " + print(e, node.parts[0], Binds::any) + " then " + print(e, node.parts[1], Binds::any) + " else " +
             print(e, node.parts[2], Binds::choice);
  }
  return {};
}

std::string print(const Expression& e, const Node& node, Binds least) {
  return binding(node.kind) < least ? "(" + plain(e, node) + ")" : plain(e, node);
}

}  // namespace

std::string text(const Expression& expression, const Node& node) { return plain(expression, node); }
std::string text(const Expression& expression) { return plain(expression, expression.root); }

}  // namespace tlspool::trust
