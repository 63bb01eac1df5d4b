// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "counters/exposition.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "metrics/connection.h"

namespace tlspool::metrics {

/// What the facts of /proc/PID/stat are counted in.
[[nodiscard]] counters::Machine this_machine();

/// The process: it has the pages of the others for reading and a listening socket, and nothing else.
class Exporter {
 public:
  /// More connections than this at once: the oldest of them goes.
  static constexpr std::size_t most_connections = 64;

  Exporter(Loop& loop, UniqueFd supervisor, counters::Machine machine);
  [[nodiscard]] int exit_status() const { return exit_status_; }

 private:
  struct Process {
    const counters::Slot* page = nullptr;
    UniqueFd stat;
  };
  void on_supervisor(Frame frame);
  void listen_on(Frame frame);
  void set_process(Frame frame);
  void accept_some();
  void add(UniqueFd socket);
  [[nodiscard]] std::string page() const;
  void give_up(const Error& error);

  Loop& loop_;
  counters::Machine machine_;
  std::vector<std::string> tokens_;
  std::map<std::string, Process> processes_;
  UniqueFd listener_;
  std::unique_ptr<Poll> listener_poll_;
  Timer accept_pause_;
  std::list<std::unique_ptr<Connection>> connections_;  // oldest first
  std::vector<std::unique_ptr<Connection>> gone_;       // destroyed when the loop is out of their callbacks
  Timer sweep_;
  int exit_status_ = 0;
  Channel supervisor_;  // last: its callbacks use everything above
};

}  // namespace tlspool::metrics
