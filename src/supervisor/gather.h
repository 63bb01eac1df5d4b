// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "loop/channel.h"
#include "supervisor/child.h"

namespace tlspool::supervisor {

/// Asks several processes the same thing and waits for all answers, or for the deadline.
class Gather {
 public:
  using Done = std::function<void(std::vector<Bytes> answers)>;
  static constexpr std::chrono::seconds deadline{2};

  explicit Gather(Loop& loop) : loop_(loop) {}
  /// `done` comes later, never from within ask().
  void ask(const std::vector<Child*>& children, wire::Kind query, const Bytes& body, Done done);
  /// An answer; one that nobody waits for any more is dropped.
  void answered(const Child& from, Frame frame);
  /// It died: what it was asked it will not answer.
  void lost(const Child& child);

 private:
  struct Round {
    std::set<const Child*> missing;
    std::vector<Bytes> answers;
    Done done;
    std::unique_ptr<Timer> timer;
  };
  void finish(std::uint64_t number);

  Loop& loop_;
  std::map<std::uint64_t, Round> rounds_;
  std::uint64_t last_ = 0;
};

}  // namespace tlspool::supervisor
