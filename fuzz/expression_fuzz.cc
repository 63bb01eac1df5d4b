// SPDX-License-Identifier: Apache-2.0
// A trust expression. The first byte chooses the checks' answers, the rest is the text: what parses says the same when it is printed
// and parsed again, and its outcome is the one that brute force finds.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "trust/expression_explain.h"
#include "unit/trust/brute_force.h"

namespace {

using namespace tlspool::trust;
namespace force = tlspool::test;

// Brute force takes 3 to the power of the pending checks.
constexpr std::size_t most_pending = 5;

void must(bool held) {
  if (!held) std::abort();
}

Answers answers_of(const Expression& e, std::uint32_t seed) {
  std::mt19937 random(seed);
  Answers out;
  std::size_t pending = 0;
  for (std::size_t i = 0; i < e.checks.size(); ++i) {
    const auto answer = static_cast<Answer>(random() % 4);
    out.push_back(answer == Answer::pending && ++pending > most_pending ? Answer::unknown : answer);
  }
  return out;
}

void judge(const Expression& e, const Answers& answers) {
  const Outcome outcome = evaluate(e, answers);
  must(outcome == force::outcome_by_force(e, answers));
  const auto want = wanted(e, answers);
  must(want.empty() == (outcome != Outcome::undecided));
  const auto least = force::wanted_by_force(e, answers);
  must(std::includes(want.begin(), want.end(), least.begin(), least.end()));
  must(!render(explain(e, answers, {})).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view written{reinterpret_cast<const char*>(data + 1), size - 1};
  const auto e = parse_expression(written);
  if (!e) {
    must(e.error().at <= written.size() && !e.error().reason.empty());
    return 0;
  }
  must(!e->checks.empty() && e->checks.size() <= most_checks && useless_part(*e) == nullptr);
  const std::string printed = text(*e);
  // Blanks may make the longest expressions too long.
  if (printed.size() <= longest_expression) {
    const auto again = parse_expression(printed);
    must(again.has_value() && *again == *e && text(*again) == printed);
  }
  judge(*e, answers_of(*e, data[0]));
  // What can hold does, for some answers.
  must(evaluate(*e, {}) != Outcome::fails);
  return 0;
}
