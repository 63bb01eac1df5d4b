// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include <chrono>
#include <ctime>

namespace tlspool::keeper {

/// Many signing threads go through together; one that reopens the token waits until they are out and keeps new ones
/// out. std::shared_mutex would let a busy stream of signatures starve the one that waits.
class Gate {
 public:
  Gate() {
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock_, &kind);
    pthread_rwlockattr_destroy(&kind);
  }
  ~Gate() { pthread_rwlock_destroy(&lock_); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void lock_shared() { pthread_rwlock_rdlock(&lock_); }
  void unlock_shared() { pthread_rwlock_unlock(&lock_); }
  /// False where somebody is still inside after that time: a module that does not return.
  [[nodiscard]] bool try_lock_for(std::chrono::milliseconds time) {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    const auto nanoseconds = until.tv_nsec + (time.count() % 1000) * 1'000'000;
    until.tv_sec += time.count() / 1000 + nanoseconds / 1'000'000'000;
    until.tv_nsec = nanoseconds % 1'000'000'000;
    return pthread_rwlock_clockwrlock(&lock_, CLOCK_MONOTONIC, &until) == 0;
  }
  void unlock() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

}  // namespace tlspool::keeper
