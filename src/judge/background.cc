// SPDX-License-Identifier: Apache-2.0
#include "judge/background.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace tlspool::judge {

Background::Background(Loop& loop) : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), poll_(loop, wake_.get(), [this](int) { finish(); }) {
  poll_.want(Poll::readable);
}

Background::~Background() {
  *alive_ = false;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    todo_.clear();
  }
  more_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Background::run(std::function<void()> work, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    todo_.push_back({std::move(work), std::move(done)});
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
  more_.notify_one();
}

void Background::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return ended_ || !todo_.empty(); });
    if (ended_) return;
    Job job = std::move(todo_.front());
    todo_.pop_front();
    lock.unlock();
    job.work();
    lock.lock();
    finished_.push_back(std::move(job));
    const std::uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
  }
}

void Background::finish() {
  std::uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof count);
  std::deque<Job> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  const auto alive = alive_;
  for (Job& job : finished) {
    job.done();
    if (!*alive) return;  // it was destroyed by a callback
  }
}

}  // namespace tlspool::judge
