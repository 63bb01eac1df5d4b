// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "worker/judge_link.h"
#include "worker/policy.h"
#include "worker/sessions.h"

namespace tlspool::worker {

/// After a reload that shall count for open sessions, too: the judge is asked about each of them again, and those that it refuses end.
class Rechecks {
 public:
  /// Questions that wait for the judge at a time: new handshakes come before old sessions.
  static constexpr std::size_t side_by_side = 64;
  /// A judge that can't be asked is asked again; a session that nobody could judge so often ends.
  static constexpr int most_tries = 30;

  Rechecks(Loop& loop, JudgeLink& judge, Sessions& sessions) : judge_(judge), sessions_(sessions), pause_(loop) {}
  /// All sessions that are open now, under this policy.
  void begin(std::shared_ptr<const Policy> policy);

 private:
  struct Open {
    std::string id;
    int tries = 0;
  };
  void go_on();
  void ask(Open open);
  void answered(Open open, const wire::ChainVerdict& verdict);
  void again(Open open);

  JudgeLink& judge_;
  Sessions& sessions_;
  std::shared_ptr<const Policy> policy_;
  std::deque<Open> waiting_;
  std::size_t asked_ = 0;
  std::size_t ended_ = 0;
  bool pausing_ = false;
  Timer pause_;
};

}  // namespace tlspool::worker
