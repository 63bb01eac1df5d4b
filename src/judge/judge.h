// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>

#include "loop/channel.h"
#include "loop/loop.h"
#include "trust/anchors.h"
#include "wire/ipc.h"

namespace tlspool::judge {

/// Serves the supervisor's channel and one channel a worker, on one loop.
class Judge {
 public:
  Judge(Loop& loop, UniqueFd supervisor);
  [[nodiscard]] int exit_status() const { return exit_status_; }

 private:
  void on_supervisor(Frame frame);
  void set_up(const Frame& frame);
  void add_worker(Frame frame);
  void on_worker(std::uint64_t worker, const Frame& frame);
  void drop_worker(std::uint64_t worker, const char* why);
  void give_up(const Error& error);

  Loop& loop_;
  trust::Anchors anchors_;
  bool sandboxed_ = false;
  int exit_status_ = 0;
  std::uint64_t last_worker_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Channel>> workers_;
  Channel supervisor_;
};

}  // namespace tlspool::judge
