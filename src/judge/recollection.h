// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "judge/outcomes.h"
#include "judge/questions.h"

namespace tlspool::judge {

/// Questions, and before them what is remembered: by this process first, then, where deciding may cost the network, by the cluster.
class Recollection {
 public:
  using OnVerdict = Questions::OnVerdict;

  Recollection(Outcomes& outcomes, Questions& questions) : outcomes_(outcomes), questions_(questions) {}

  /// `on_verdict` is called once, maybe at once: then the answer is 0, else a number for cancel().
  std::uint64_t ask(wire::ChainQuery query, OnVerdict on_verdict);
  void cancel(std::uint64_t question);

 private:
  using Cancel = std::function<void()>;
  /// Whether a verdict has come.
  bool decide(std::uint64_t number, const std::optional<Outcomes::Key>& key, wire::ChainQuery query, OnVerdict on_verdict);

  Outcomes& outcomes_;
  Questions& questions_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Cancel> waiting_;
};

}  // namespace tlspool::judge
