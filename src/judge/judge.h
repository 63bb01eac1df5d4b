// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "judge/dns_service.h"
#include "judge/own_staples.h"
#include "judge/pin_store.h"
#include "judge/questions.h"
#include "judge/questions.h"
#include "judge/recollection.h"
#include "judge/revocation_source.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "wire/ipc.h"

namespace tlspool::judge {

/// Serves the supervisor's channel and one channel a worker, on one loop.
class Judge {
 public:
  Judge(Loop& loop, UniqueFd supervisor);
  [[nodiscard]] int exit_status() const { return exit_status_; }

 private:
  void on_supervisor(Frame frame);
  void collect(const Frame& frame);
  void administer(const Frame& frame);
  void leave_files(std::uint64_t number);
  void take_files(std::uint64_t number);
  void tell_ready(std::uint64_t number);
  void set_up(const Frame& frame);
  void refuse(std::uint64_t number, std::string problem);
  void share(const Frame& frame);
  void add_worker(Frame frame);
  void add_hook(Frame frame);
  void hook_failed(std::uint64_t process, const std::string& reason);
  void on_worker(std::uint64_t worker, const Frame& frame);
  void answer(std::uint64_t worker, std::uint64_t number, const std::string& expected, const wire::ChainVerdict& verdict);
  void forget_worker(std::uint64_t worker);
  void drop_worker(std::uint64_t worker, const char* why);
  void give_up(const Error& error);

  /// One worker's channel and its questions that wait: they are of no use without it.
  struct WorkerEnd {
    std::unique_ptr<Channel> channel;
    std::set<std::uint64_t> questions;
    std::size_t bytes = 0;   ///< of the questions that wait
    bool flooded = false;    ///< it was said in the log
  };

  Loop& loop_;
  std::shared_ptr<DnsService> dns_;  ///< stays over a reload that does not change it
  std::shared_ptr<RevocationMemory> revocation_;  ///< from the first setup on
  std::unique_ptr<OwnStaples> staples_;           ///< likewise
  std::shared_ptr<Hooks> hooks_;
  Questions questions_;
  Outcomes outcomes_;
  Recollection recollection_;
  std::shared_ptr<PinStore> pins_;         ///< null before the first setup
  std::shared_ptr<RevokedStore> revoked_;  ///< likewise
  wire::JudgeTables tables_;  ///< parts that came, for the next setup
  std::uint32_t anchors_ = 0;                 // in force, and
  std::vector<std::string> anchor_problems_;  // what could not be read of them
  bool sandboxed_ = false;
  int exit_status_ = 0;
  std::uint64_t last_worker_ = 0;
  std::map<std::uint64_t, WorkerEnd> workers_;
  Channel supervisor_;
};

}  // namespace tlspool::judge
