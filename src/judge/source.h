// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "judge/subject.h"
#include "trust/expression.h"

namespace tlspool::judge {

struct CheckAnswer {
  trust::Answer answer = trust::Answer::unknown;  ///< never pending
  std::string reason;            ///< for people: why; may be empty where the answer is yes
  std::int64_t valid_until = 0;  ///< until when it may be relied on, seconds since 1970; 0: no bound of its own
  bool by_absence = false;       ///< a yes only because nothing is there that could speak for or against the peer: it vouches for nobody
};

[[nodiscard]] inline CheckAnswer says_yes(std::string reason = {}, std::int64_t valid_until = 0) { return {trust::Answer::yes, std::move(reason), valid_until, false}; }
[[nodiscard]] inline CheckAnswer says_no(std::string reason) { return {trust::Answer::no, std::move(reason), 0, false}; }
[[nodiscard]] inline CheckAnswer no_answer(std::string reason) { return {trust::Answer::unknown, std::move(reason), 0, false}; }

/// What answers checks that take more than a look at the Subject.
class Source {
 public:
  using OnAnswer = std::function<void(CheckAnswer)>;
  /// Ends a question: its OnAnswer is not called any more.
  using Cancel = std::function<void()>;

  virtual ~Source() = default;
  /// The answer; or, where it takes time, what cancels the question: then `on_answer` is called once, from the loop and not
  /// before ask() has returned.
  [[nodiscard]] virtual std::variant<CheckAnswer, Cancel> ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) = 0;
  /// The peer was let in: what was seen of it for the first time may be remembered.
  virtual void accepted(const SubjectPtr&) {}
};

}  // namespace tlspool::judge
