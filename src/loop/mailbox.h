// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool {

/// What threads want done on the loop.
class Mailbox {
 public:
  using Letter = std::function<void()>;
  explicit Mailbox(Loop& loop);
  /// Called on the loop before and after the letters of one delivery.
  void around(Letter before, Letter after) {
    before_ = std::move(before);
    after_ = std::move(after);
  }
  /// For any thread. The letter is called on the loop, in the order of posting.
  void post(Letter letter);

 private:
  void deliver();
  std::mutex lock_;
  std::vector<Letter> letters_;
  Letter before_;
  Letter after_;
  UniqueFd wake_;
  std::unique_ptr<Poll> woken_;
};

}  // namespace tlspool
