// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::keeper {

/// What threads want done on the loop.
class Mailbox {
 public:
  using Letter = std::function<void()>;
  explicit Mailbox(Loop& loop);
  /// For any thread. The letter is called on the loop, in the order of posting.
  void post(Letter letter);

 private:
  void deliver();
  std::mutex lock_;
  std::vector<Letter> letters_;
  UniqueFd wake_;
  std::unique_ptr<Poll> woken_;
};

}  // namespace tlspool::keeper
