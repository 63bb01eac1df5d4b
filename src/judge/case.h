// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "judge/law.h"
#include "loop/loop.h"

namespace tlspool::judge {

/// An expression that must hold, and where it was written.
struct Condition {
  const trust::Expression* expression = nullptr;  ///< borrowed of the Law
  std::string where;   ///< "policies/mail.toml:3"; empty: the default
  std::string selects; ///< what it is for
};

/// One question about trust, from its checks to the verdict. Checks that cost nothing are asked first; then all that can
/// still change the outcome side by side, and what is under way is cancelled when the outcome is certain.
class Case {
 public:
  using OnVerdict = std::function<void(wire::ChainVerdict)>;
  /// No check may keep a peer waiting for longer: then it has no answer.
  static constexpr std::chrono::milliseconds deadline{10000};

  Case(Loop& loop, Law law, SubjectPtr subject, std::vector<Condition> conditions);
  ~Case();
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  /// `on_verdict` is called once, maybe at once, and may destroy the case.
  void start(OnVerdict on_verdict);

 private:
  /// A check that stands in any of the conditions.
  struct Asked {
    trust::Check check;
    CheckAnswer answer{trust::Answer::pending, {}, 0};
    bool started = false;
    Source::Cancel cancel;
  };

  void go_on();
  [[nodiscard]] trust::Answers answers_for(std::size_t condition) const;
  [[nodiscard]] std::vector<std::size_t> still_wanted(bool all) const;
  /// Whether it was answered at once.
  bool ask(std::size_t number);
  void answered(std::size_t number, CheckAnswer answer);
  void expired();
  void finish(const Condition* failed, std::size_t index);
  [[nodiscard]] wire::Keep keep(bool accepted) const;
  [[nodiscard]] wire::ChainVerdict accept() const;
  [[nodiscard]] wire::ChainVerdict refuse(const Condition& failed, std::size_t index) const;
  [[nodiscard]] std::string explanation() const;
  [[nodiscard]] std::string all_policies() const;

  Loop& loop_;
  Law law_;
  SubjectPtr subject_;
  std::vector<Condition> conditions_;
  std::vector<std::vector<std::size_t>> numbers_;  ///< for each condition: which of asked_ its checks are
  std::vector<Asked> asked_;
  std::unique_ptr<Timer> timer_;
  OnVerdict on_verdict_;
};

}  // namespace tlspool::judge
