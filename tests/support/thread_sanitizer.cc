// SPDX-License-Identifier: Apache-2.0
// Two ways to take a lock that the ThreadSanitizer of g++ 12 and clang 14 does not know: it would not see that the lock is held. Linked
// into whatever is built with it; our own definitions stand before those of the C library.
#include <dlfcn.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>

namespace {

template <class Lock>
int take(const char* name, Lock* lock, clockid_t clock, const timespec* until) {
  using Call = int(Lock*, clockid_t, const timespec*);
  auto* const call = reinterpret_cast<Call*>(dlsym(RTLD_NEXT, name));
  __tsan_mutex_pre_lock(lock, __tsan_mutex_try_lock);
  const int result = call(lock, clock, until);
  __tsan_mutex_post_lock(lock, result == 0 ? __tsan_mutex_try_lock : __tsan_mutex_try_lock | __tsan_mutex_try_lock_failed, 0);
  return result;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int pthread_mutex_clocklock(pthread_mutex_t* lock, clockid_t clock, const timespec* until) noexcept {
  return take("pthread_mutex_clocklock", lock, clock, until);
}

__attribute__((visibility("default"))) int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const timespec* until) noexcept {
  return take("pthread_rwlock_clockwrlock", lock, clock, until);
}

}
