// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "counters/page.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "supervisor/backoff.h"
#include "supervisor/process.h"
#include "supervisor/refusals.h"
#include "wire/ipc.h"

namespace tlspool::supervisor {

/// One process of the pool: started, watched, and started again when it dies.
class Child {
 public:
  enum class Phase { down, starting, ready };
  enum class AfterEnd { stay_down, start_again };
  struct Events {
    std::function<void()> started;  ///< the channel is up and log_setup is sent: send the rest
    std::function<void(Frame)> frame;
    /// It died (reason), or could not be started again.
    std::function<void(const std::string& reason)> ended;
  };
  /// It must have said that it is ready by then; a token may be slow.
  static constexpr std::chrono::seconds start_deadline{60};

  /// `name` is what log lines call it: "keeper", "worker-0". It counts in `page`; null: for nobody.
  Child(Loop& loop, std::string name, StartAs as, Events events, const counters::Page* page);

  [[nodiscard]] Status start();
  void ready();
  template <class T>
  void send(wire::Kind kind, const T& body, std::uint64_t number = 0, std::vector<UniqueFd> descriptors = {}) {
    send_bytes(kind, wire::encode(body), number, std::move(descriptors));
  }
  void send_bytes(wire::Kind kind, ByteView body, std::uint64_t number, std::vector<UniqueFd> descriptors = {});
  void signal(int number) const;
  /// It said what no process in its right mind says: it is ended, and another one takes its place.
  void misbehaved(const std::string& what);
  /// Bytes that it has not read yet.
  [[nodiscard]] std::size_t waiting() const { return channel_ ? channel_->waiting() : 0; }
  /// Whether its end is followed by a new start; not so until the whole pool was ready once.
  void after_end(AfterEnd what);
  /// Looks whether it has ended (SIGCHLD says only that some child has).
  void reap();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running() const { return pid_ > 0; }
  [[nodiscard]] int restarts() const { return restarts_; }

 private:
  [[nodiscard]] Channel::Limits limits() const;
  [[nodiscard]] Status ask();
  void greeted();
  void begin(UniqueFd channel);
  void took(Frame frame);
  void ended(const std::string& reason);
  void start_again();

  Loop& loop_;
  std::string name_;
  StartAs as_;
  Events events_;
  const counters::Page* page_;
  std::unique_ptr<Channel> channel_;
  Refusals refusals_;
  // Of a process that systemd starts: its socket until it has said that it is there, and then what stands for it.
  UniqueFd outside_;
  std::unique_ptr<Poll> outside_poll_;
  Timer timer_;  // the start's deadline, the pause before the next start, or the wait for a hung-up child's end
  Backoff backoff_;
  Phase phase_ = Phase::down;
  pid_t pid_ = 0;
  std::uint64_t born_ = 0;
  std::uint64_t died_ = 0;  // when it was last in service; 0: it has been told that it is again
  int restarts_ = 0;
  AfterEnd after_end_ = AfterEnd::stay_down;
};

}  // namespace tlspool::supervisor
