// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "judge/authorization.h"
#include "judge/case.h"
#include "loop/loop.h"

namespace tlspool::judge {

/// Questions from the first byte to the verdict: trust, then authorization.
class Questions {
 public:
  using OnVerdict = std::function<void(wire::ChainVerdict)>;
  /// Waiting for the network; further ones are refused at once.
  static constexpr std::size_t most_waiting = 16384;

  explicit Questions(Loop& loop) : loop_(loop) {}
  void set(Law law);

  /// Whether deciding it may cost the network.
  [[nodiscard]] bool costs(const wire::ChainQuery& query) const;
  /// `on_verdict` is called once, maybe at once: then the answer is 0, else a number for cancel().
  std::uint64_t ask(wire::ChainQuery query, OnVerdict on_verdict);
  void cancel(std::uint64_t question) { waiting_.erase(question); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  /// One that has no verdict yet: about trust at first, then about authorization.
  struct Waiting {
    std::unique_ptr<Case> trust;
    std::unique_ptr<Authorization> authorization;
  };

  std::uint64_t judge_by(std::vector<Condition> conditions, SubjectPtr subject, OnVerdict on_verdict);
  /// What follows when the peer is trusted. `number`: of the question; 0: it has none yet.
  std::uint64_t authorize(std::uint64_t number, Law law, const SubjectPtr& subject, wire::ChainVerdict verdict, OnVerdict on_verdict);

  Loop& loop_;
  Law law_;
  bool asks_hooks_ = false;
  bool may_cost_ = false;  ///< any policy of all of them
  trust::KnownCertificates known_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
};

}  // namespace tlspool::judge
