// SPDX-License-Identifier: Apache-2.0
#include "loop/loop.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/fd.h"
#include "base/log.h"

namespace tlspool {

// libuv frees a handle only after its close callback ran, so each handle lives in a heap cell of its own
// and the RAII object just points at it.
namespace {
template <class Cell, class Raw>
void close_cell(Cell* cell, Raw* raw) {
  cell->callback = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(raw), [](uv_handle_t* h) { delete static_cast<Cell*>(h->data); });
}
}  // namespace

namespace {
// A process of the pool can do nothing without its loop; the supervisor starts it again.
[[noreturn]] void no_loop() {
  log::error("loop.failed", {{"problem", system_error("epoll_create1", "", errno).text()}});
  std::exit(1);
}
}  // namespace

// Descriptors are watched by an epoll set of our own, and libuv's loop is one member of it: uv_poll_t makes five
// epoll_ctl calls for a connection that lives for one exchange, this makes two (docs/decisions.md).
class Loop::Watches {
 public:
  explicit Watches(uv_loop_t* loop) : set_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = of_libuv;
    if (!set_.valid() || epoll_ctl(set_.get(), EPOLL_CTL_ADD, uv_backend_fd(loop), &event) != 0) {
      no_loop();
    }
  }

  std::uint32_t add(Poll* poll) {
    if (free_.empty()) {
      slots_.push_back({poll, 0});
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot].poll = poll;
    return slot;
  }

  // The generation makes answers stale that the kernel gave for an earlier user of the slot.
  void remove(std::uint32_t slot) {
    slots_[slot] = {nullptr, slots_[slot].generation + 1};
    free_.push_back(slot);
  }

  void change(int fd, std::uint32_t slot, int from, int to) {
    epoll_event event{};
    if ((to & Poll::readable) != 0) event.events |= EPOLLIN;
    if ((to & Poll::writable) != 0) event.events |= EPOLLOUT;
    event.data.u64 = static_cast<std::uint64_t>(slots_[slot].generation) << 32 | slot;
    const int operation = from == Poll::none ? EPOLL_CTL_ADD : to == Poll::none ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    // Fails only for a descriptor that epoll can't watch; callers check types before they watch.
    if (epoll_ctl(set_.get(), operation, fd, &event) != 0 && operation != EPOLL_CTL_DEL) no_loop();
    active_ += (from == Poll::none) - (to == Poll::none);
  }

  [[nodiscard]] bool any() const { return active_ > 0; }

  // Waits for `timeout` milliseconds at most. True: libuv has something to do.
  bool dispatch(uv_loop_t& loop, int timeout) {
    std::array<epoll_event, 128> events;
    const int n = epoll_wait(set_.get(), events.data(), static_cast<int>(events.size()), timeout);
    // A timer that one of the callbacks starts counts from now, not from before the wait.
    uv_update_time(&loop);
    bool libuv = false;
    for (int i = 0; i < n; ++i) {
      if (events[i].data.u64 == of_libuv) {
        libuv = true;
        continue;
      }
      const auto slot = static_cast<std::uint32_t>(events[i].data.u64);
      const auto generation = static_cast<std::uint32_t>(events[i].data.u64 >> 32);
      Poll* poll = slots_[slot].poll;
      if (poll == nullptr || slots_[slot].generation != generation) continue;
      const std::uint32_t bits = events[i].events;
      int ready = ((bits & EPOLLIN) != 0 ? Poll::readable : 0) | ((bits & EPOLLOUT) != 0 ? Poll::writable : 0);
      if ((bits & (EPOLLERR | EPOLLHUP)) != 0) ready = Poll::readable | Poll::writable | Poll::hangup_only;
      ready &= poll->events_;
      if (ready == Poll::none) continue;
      // The callback may destroy the poll, and with it the function object: keep that alive by moving.
      Poll::Callback running = std::exchange(poll->callback_, nullptr);
      running(ready);
      if (slots_[slot].poll == poll && slots_[slot].generation == generation && !poll->callback_) poll->callback_ = std::move(running);
    }
    return libuv;
  }

 private:
  static constexpr std::uint64_t of_libuv = ~std::uint64_t{0};
  struct Slot {
    Poll* poll = nullptr;
    std::uint32_t generation = 0;
  };

  UniqueFd set_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t active_ = 0;
};

Loop::Loop() {
  if (uv_loop_init(&loop_) != 0) no_loop();
  watches_ = std::make_unique<Watches>(&loop_);
}

Loop::~Loop() {
  for (uv_timer_t* timer : idle_timers_) {
    uv_close(reinterpret_cast<uv_handle_t*>(timer), [](uv_handle_t* h) { Timer::free(h); });
  }
  uv_run(&loop_, UV_RUN_NOWAIT);  // lets pending close callbacks free their cells
  uv_loop_close(&loop_);
}

// A stop() that came before counts: what failed to start must not run.
void Loop::run() {
  while (!stopped_ && (watches_->any() || uv_loop_alive(&loop_) != 0)) turn(std::chrono::milliseconds{-1});
  stopped_ = false;
}

void Loop::turn(std::chrono::milliseconds longest) {
  const int due = uv_backend_timeout(&loop_);  // -1: no timer; 0: libuv has a round of its own to make
  const auto most = static_cast<int>(longest.count());
  const bool libuv_ready = watches_->dispatch(loop_, due < 0 || (most >= 0 && most < due) ? most : due);
  if (stopped_) return;
  uv_update_time(&loop_);
  if (due == 0 || libuv_ready || uv_backend_timeout(&loop_) == 0) uv_run(&loop_, UV_RUN_NOWAIT);
}

void Loop::stop() { stopped_ = true; }
std::uint64_t Loop::now() const { return uv_now(&loop_); }

Poll::Poll(Loop& loop, int fd, Callback callback)
    : loop_(loop), fd_(fd), slot_(loop.watches_->add(this)), callback_(std::move(callback)) {}

Poll::~Poll() {
  want(none);
  loop_.watches_->remove(slot_);
}

void Poll::want(int events) {
  if (events == events_) return;
  loop_.watches_->change(fd_, slot_, std::exchange(events_, events), events);
}

struct Timer::Handle {
  uv_timer_t raw{};
  Callback callback;
};

void Timer::free(void* raw) { delete static_cast<Handle*>(static_cast<uv_handle_t*>(raw)->data); }

// Closing a handle costs libuv a round of its loop, so a timer's handle goes back to the loop instead.
Timer::Timer(Loop& loop) : loop_(loop) {
  if (!loop.idle_timers_.empty()) {
    handle_ = static_cast<Handle*>(loop.idle_timers_.back()->data);
    loop.idle_timers_.pop_back();
    return;
  }
  handle_ = new Handle;
  handle_->raw.data = handle_;
  uv_timer_init(loop.raw(), &handle_->raw);
}

Timer::~Timer() {
  stop();
  loop_.idle_timers_.push_back(&handle_->raw);
}

void Timer::start(std::chrono::milliseconds delay, Callback callback) {
  handle_->callback = std::move(callback);
  uv_timer_start(
      &handle_->raw,
      [](uv_timer_t* raw) {
        auto* self = static_cast<Handle*>(raw->data);
        if (Callback running = std::exchange(self->callback, nullptr)) running();
      },
      static_cast<std::uint64_t>(delay.count() < 0 ? 0 : delay.count()), 0);
}

void Timer::stop() {
  handle_->callback = nullptr;
  uv_timer_stop(&handle_->raw);
}

struct SignalWatch::Handle {
  uv_signal_t raw{};
  Callback callback;
};

SignalWatch::SignalWatch(Loop& loop, int number, Callback callback) : handle_(new Handle) {
  handle_->raw.data = handle_;
  handle_->callback = std::move(callback);
  uv_signal_init(loop.raw(), &handle_->raw);
  uv_signal_start(
      &handle_->raw,
      [](uv_signal_t* raw, int n) {
        auto* self = static_cast<Handle*>(raw->data);
        if (self->callback) self->callback(n);
      },
      number);
}

SignalWatch::~SignalWatch() { close_cell(handle_, &handle_->raw); }

}  // namespace tlspool
