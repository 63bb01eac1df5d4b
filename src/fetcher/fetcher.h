// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "fetcher/control_links.h"
#include "fetcher/entity.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "wire/ipc.h"

namespace tlspool::fetcher {

/// The process: it takes the keeper's requests on its loop, hands them to the threads of their entity, and sends the
/// answers in the order in which they come.
class Fetcher {
 public:
  Fetcher(Loop& loop, UniqueFd supervisor);
  ~Fetcher();
  [[nodiscard]] int exit_status() const { return exit_status_; }

 private:
  /// Where threads leave their answers for the loop; it outlives the fetcher as long as a thread has it.
  struct Outbox;

  void on_supervisor(Frame frame);
  void set_up(const Frame& frame);
  void set_keeper(Frame frame);
  void on_keeper(const Frame& frame);
  void send_answers();
  void drop_keeper(const char* why);
  void give_up(const Error& error);

  Loop& loop_;
  std::shared_ptr<Outbox> outbox_;
  std::unique_ptr<Poll> wakes_;
  std::shared_ptr<ControlLinks> links_ = std::make_shared<ControlLinks>();
  std::map<std::string, std::shared_ptr<Entity>> entities_;
  std::unique_ptr<Channel> keeper_;
  std::uint64_t keeper_generation_ = 0;  // answers are for the keeper that asked
  bool sandboxed_ = false;
  int exit_status_ = 0;
  Channel supervisor_;  // last: its callbacks use everything above
};

}  // namespace tlspool::fetcher
