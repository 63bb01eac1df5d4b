// SPDX-License-Identifier: Apache-2.0
#include "trust/expression_lanes.h"

#include <array>

namespace tlspool::trust {
namespace {

// The bits of a word's six lowest numbers.
constexpr std::array<std::uint64_t, 6> patterns{0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
                                                0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000};

/// Finds what is of no use: no lane in which it is true and the parts around it leave the outcome to it.
class Use {
 public:
  explicit Use(const Expression& expression) : expression_(expression) {
    for (std::size_t i = 0; i < expression.checks.size(); ++i) checks_.push_back(lanes_of(i, 0));
  }

  const Node* useless() {
    const std::size_t blocks = blocks_of(checks_.size());
    for (std::size_t block = 0; block < blocks && !done_; ++block) {
      for (std::size_t i = 0; i < checks_.size(); ++i) checks_[i] = lanes_of(i, block);
      next_ = 0;
      mark(expression_.root, possible());
      done_ = true;
      for (const Part& part : parts_) done_ = done_ && part.used;
    }
    for (const Part& part : parts_) {
      if (!part.used) return part.node;
    }
    return nullptr;
  }

 private:
  struct Part {
    const Node* node;
    bool used;
  };

  /// The lanes in which the checks say what goes together.
  std::uint64_t possible() const {
    std::uint64_t out = every_lane;
    for (std::size_t i = 0; i < checks_.size(); ++i) {
      for (std::size_t j = 0; j < checks_.size(); ++j) {
        const std::uint64_t a = checks_[i].is_true;
        const std::uint64_t b = checks_[j].is_true;
        if (implies(expression_.checks[i], expression_.checks[j])) out &= ~a | b;
        if (alternatives(expression_.checks[i], expression_.checks[j])) out &= a ^ b;
      }
    }
    return out;
  }

  std::uint64_t is_true(const Node& node) const { return lanes_of(node, checks_).is_true; }

  /// Always in the same order, so that a part has the same number in every block. What is below a `not` or is a condition is no
  /// place for the question: there it may well be meant to fail.
  void mark(const Node& node, std::uint64_t around) {
    const std::size_t number = next_++;
    if (number == parts_.size()) parts_.push_back({&node, false});
    if ((around & is_true(node)) != 0) parts_[number].used = true;
    switch (node.kind) {
      case Node::Kind::check:
      case Node::Kind::negation: break;
      case Node::Kind::any:
        for (const Node& part : node.parts) mark(part, around);
        break;
      case Node::Kind::all: mark_all(node, around); break;
      case Node::Kind::choice: {
        const Lanes condition = lanes_of(node.parts[0], checks_);
        mark(node.parts[1], around & condition.is_true);
        mark(node.parts[2], around & condition.is_false);
        break;
      }
    }
  }

  void mark_all(const Node& node, std::uint64_t around) {
    std::vector<std::uint64_t> behind(node.parts.size(), every_lane);
    for (std::size_t i = node.parts.size() - 1; i > 0; --i) behind[i - 1] = behind[i] & is_true(node.parts[i]);
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      mark(node.parts[i], around & behind[i]);
      around &= is_true(node.parts[i]);
    }
  }

  const Expression& expression_;
  std::vector<Lanes> checks_;
  std::vector<Part> parts_;  // in the order of mark()
  std::size_t next_ = 0;
  bool done_ = false;
};

}  // namespace

Lanes lanes_of(std::size_t position, std::size_t block) {
  const std::uint64_t yes = position < patterns.size() ? patterns[position] : (block >> (position - patterns.size()) & 1) != 0 ? every_lane : 0;
  return {yes, ~yes};
}

Lanes lanes_of(const Node& node, const std::vector<Lanes>& checks) {
  switch (node.kind) {
    case Node::Kind::check: return checks[node.check];
    case Node::Kind::negation: {
      const Lanes part = lanes_of(node.parts[0], checks);
      return {part.is_false, part.is_true};
    }
    case Node::Kind::all: {
      Lanes out{every_lane, 0};
      for (const Node& node_part : node.parts) {
        const Lanes part = lanes_of(node_part, checks);
        out = {out.is_true & part.is_true, out.is_false | part.is_false};
      }
      return out;
    }
    case Node::Kind::any: {
      Lanes out{0, every_lane};
      for (const Node& node_part : node.parts) {
        const Lanes part = lanes_of(node_part, checks);
        out = {out.is_true | part.is_true, out.is_false & part.is_false};
      }
      return out;
    }
    case Node::Kind::choice: {
      const Lanes c = lanes_of(node.parts[0], checks);
      const Lanes a = lanes_of(node.parts[1], checks);
      const Lanes b = lanes_of(node.parts[2], checks);
      return {(c.is_true & a.is_true) | (c.is_false & b.is_true), (c.is_true & a.is_false) | (c.is_false & b.is_false)};
    }
  }
  return {};
}

const Node* useless_part(const Expression& expression) { return Use(expression).useless(); }

}  // namespace tlspool::trust
