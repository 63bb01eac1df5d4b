// SPDX-License-Identifier: Apache-2.0
#include "loop/loop.h"

#include <cstdlib>

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

Loop::Loop() {
  if (uv_loop_init(&loop_) != 0) std::abort();
}

Loop::~Loop() {
  uv_run(&loop_, UV_RUN_NOWAIT);  // lets pending close callbacks free their cells
  uv_loop_close(&loop_);
}

void Loop::run() { uv_run(&loop_, UV_RUN_DEFAULT); }
void Loop::stop() { uv_stop(&loop_); }
std::uint64_t Loop::now() const { return uv_now(&loop_); }

struct Poll::Handle {
  uv_poll_t raw{};
  Callback callback;
  int events = 0;
};

Poll::Poll(Loop& loop, int fd, Callback callback) : handle_(new Handle) {
  handle_->raw.data = handle_;
  handle_->callback = std::move(callback);
  // Fails only for a descriptor that epoll can't watch; callers check types before they watch.
  if (uv_poll_init(loop.raw(), &handle_->raw, fd) != 0) std::abort();
}

Poll::~Poll() { close_cell(handle_, &handle_->raw); }

void Poll::want(int events) {
  if (events == handle_->events) return;
  handle_->events = events;
  if (events == none) {
    uv_poll_stop(&handle_->raw);
    return;
  }
  uv_poll_start(&handle_->raw, events, [](uv_poll_t* raw, int status, int ready) {
    auto* self = static_cast<Handle*>(raw->data);
    if (!self->callback) return;
    // The callback may destroy this Poll, and with it the function object: keep it alive by moving.
    if (status < 0) {
      ready = self->events;
      self->events = 0;  // libuv has stopped the handle: a later want() must start it again
    }
    Callback running = std::move(self->callback);
    self->callback = nullptr;
    running(ready);
    if (!uv_is_closing(reinterpret_cast<uv_handle_t*>(raw))) self->callback = std::move(running);
  });
}

int Poll::wanted() const { return handle_->events; }

struct Timer::Handle {
  uv_timer_t raw{};
  Callback callback;
};

Timer::Timer(Loop& loop) : handle_(new Handle) {
  handle_->raw.data = handle_;
  uv_timer_init(loop.raw(), &handle_->raw);
}

Timer::~Timer() { close_cell(handle_, &handle_->raw); }

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
