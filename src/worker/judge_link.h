// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "counters/page.h"
#include "loop/channel.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// The worker's way to the judge. No judge, no answer or a malformed one: refused.
class JudgeLink {
 public:
  using OnVerdict = std::function<void(wire::ChainVerdict)>;

  explicit JudgeLink(Loop& loop) : loop_(loop) {}
  void connect(UniqueFd socket);
  /// A number for forget(); 0 where no judge can be asked: `on_verdict` is then never called.
  [[nodiscard]] std::uint64_t ask(const wire::ChainQuery& query, OnVerdict on_verdict);
  void forget(std::uint64_t number) { waiting_.erase(number); }

 private:
  void answered(Frame frame);
  void lost();

  Loop& loop_;
  std::unique_ptr<Channel> channel_;
  struct Waiting {
    OnVerdict on_verdict;
    counters::Clock::time_point since;
  };
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace tlspool::worker
