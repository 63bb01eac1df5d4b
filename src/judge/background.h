// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "loop/loop.h"

namespace tlspool::judge {

/// One thread for work that takes longer than a verdict may: reading large lists, checking their signatures, writing files.
class Background {
 public:
  /// The thread starts with the first work: after the sandbox has closed.
  explicit Background(Loop& loop);
  /// Waits for the work under way; nobody is called any more.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// `work` on the thread, one after the other, then `done` on the loop. What work touches nobody else may, until then.
  void run(std::function<void()> work, std::function<void()> done);

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
  };
  void serve();
  void finish();

  UniqueFd wake_;
  Poll poll_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> todo_;
  std::deque<Job> finished_;
  bool ended_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace tlspool::judge
