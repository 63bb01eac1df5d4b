// SPDX-License-Identifier: Apache-2.0
#include "trust/unbound_events.h"

#include <memory>
#include <optional>

namespace tlspool::trust {
namespace {

using Callback = void (*)(int, short, void*);
using Milliseconds = std::chrono::milliseconds;

// One descriptor, one deadline, or both, as event(3) has them: without UB_EV_PERSIST it is over when it has fired.
class Event : public ub_event {
 public:
  Event(Loop& loop, int fd, short bits, Callback callback, void* argument);
  static Event& of(ub_event* plain) { return *static_cast<Event*>(plain); }

  void add(const timeval* delay) {
    delay_.reset();
    if (delay != nullptr) delay_ = Milliseconds{delay->tv_sec * 1000 + (delay->tv_usec + 999) / 1000};
    const int wanted = ((bits_ & UB_EV_READ) != 0 ? Poll::readable : 0) | ((bits_ & UB_EV_WRITE) != 0 ? Poll::writable : 0);
    if (fd_ >= 0 && wanted != Poll::none) {
      if (!poll_) poll_.emplace(loop_, fd_, [this](int events) { ready(events); });
      poll_->want(wanted);
    }
    start_timer();
  }
  void remove() {
    poll_.reset();  // the descriptor may be closed next
    timer_.stop();
  }
  void add_bits(short bits) { bits_ = static_cast<short>(bits_ | bits); }
  void remove_bits(short bits) { bits_ = static_cast<short>(bits_ & ~bits); }
  void set_fd(int fd) {
    poll_.reset();
    fd_ = fd;
  }
  void call(Callback callback, void* argument) {
    callback_ = callback;
    argument_ = argument;
  }

 private:
  void start_timer() {
    if (delay_) {
      timer_.start(*delay_, [this] { fire(UB_EV_TIMEOUT); });
    } else {
      timer_.stop();
    }
  }
  void ready(int events) {
    const int bits = ((events & Poll::readable) != 0 ? UB_EV_READ : 0) | ((events & Poll::writable) != 0 ? UB_EV_WRITE : 0);
    if (bits != 0) fire(bits);
  }
  // The callback may free this event: nothing of it is used afterwards.
  void fire(int bits) {
    if ((bits_ & UB_EV_PERSIST) == 0 || (bits & UB_EV_TIMEOUT) != 0) {
      if ((bits_ & UB_EV_PERSIST) == 0 && poll_) poll_->want(Poll::none);
      timer_.stop();
    } else {
      start_timer();
    }
    callback_(fd_, static_cast<short>(bits), argument_);
  }

  Loop& loop_;
  int fd_;
  short bits_;
  Callback callback_;
  void* argument_;
  std::optional<Milliseconds> delay_;
  std::optional<Poll> poll_;
  Timer timer_;
};

ub_event_vmt event_calls = {
    .add_bits = [](ub_event* e, short bits) { Event::of(e).add_bits(bits); },
    .del_bits = [](ub_event* e, short bits) { Event::of(e).remove_bits(bits); },
    .set_fd = [](ub_event* e, int fd) { Event::of(e).set_fd(fd); },
    .free = [](ub_event* e) { delete &Event::of(e); },
    .add = [](ub_event* e, timeval* delay) { return Event::of(e).add(delay), 0; },
    .del = [](ub_event* e) { return Event::of(e).remove(), 0; },
    .add_timer =
        [](ub_event* e, ub_event_base*, Callback callback, void* argument, timeval* delay) {
          Event::of(e).call(callback, argument);
          return Event::of(e).add(delay), 0;
        },
    .del_timer = [](ub_event* e) { return Event::of(e).remove(), 0; },
    .add_signal = [](ub_event*, timeval*) { return -1; },
    .del_signal = [](ub_event*) { return -1; },
    .winsock_unregister_wsaevent = [](ub_event*) {},
    .winsock_tcp_wouldblock = [](ub_event*, int) {},
};

ub_event* no_event(ub_event_base*, int, Callback, void*) { return nullptr; }

ub_event_base_vmt base_calls = {
    .free = [](ub_event_base*) {},
    .dispatch = [](ub_event_base*) { return -1; },
    .loopexit = [](ub_event_base*, timeval*) { return 0; },
    .new_event = [](ub_event_base* base, int fd, short bits, Callback callback, void* argument) {
      Loop& loop = *static_cast<UnboundEvents::Base*>(base)->loop;
      return static_cast<ub_event*>(new Event(loop, fd, bits, callback, argument));
    },
    .new_signal = no_event,
    .winsock_register_wsaevent = [](ub_event_base*, void*, Callback, void*) -> ub_event* { return nullptr; },
};

Event::Event(Loop& loop, int fd, short bits, Callback callback, void* argument)
    : ub_event{UB_EVENT_MAGIC, &event_calls}, loop_(loop), fd_(fd), bits_(bits), callback_(callback), argument_(argument), timer_(loop) {}

}  // namespace

UnboundEvents::UnboundEvents(Loop& loop) : base_{{UB_EVENT_MAGIC, &base_calls}, &loop} {}

}  // namespace tlspool::trust
