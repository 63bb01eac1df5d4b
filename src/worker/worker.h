// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "loop/channel.h"
#include "loop/loop.h"
#include "worker/agents.h"
#include "worker/audit.h"
#include "worker/client_sessions.h"
#include "worker/exchanges.h"
#include "worker/handshake.h"
#include "worker/judge_link.h"
#include "worker/keeper_link.h"
#include "worker/key_link.h"
#include "worker/policy.h"
#include "worker/rechecks.h"
#include "worker/room.h"
#include "worker/sessions.h"

namespace tlspool::worker {

class Control;
/// Who is at the other end of a control connection.
enum class Program { any, fetcher, judge };
/// How a call has come to a worker.
enum class Asked {
  at_first,    ///< by its program
  as_visitor,  ///< by way of a newer pool, which does not know what the call is about
  last,        ///< no older pool knows it either
};

/// One thread, one loop: programs' control connections, their handshakes and their sessions.
class Worker {
 public:
  Worker(Loop& loop, UniqueFd channel);
  ~Worker();

  /// The supervisor's frame; also those that came before the loop ran.
  void frame(Frame frame);
  /// Kind::sandbox_watch.
  void give_watch(UniqueFd watch);
  /// Tells the supervisor that the setup is applied and the sandbox closed.
  void ready() { send(wire::Kind::worker_ready, 0, {}); }
  [[nodiscard]] int exit_status() const { return exit_status_; }

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] Services services() { return {loop_, keeper_, keys_, judge_, client_sessions_, staples_, agents_, &revoked_}; }
  [[nodiscard]] const Policy& policy() const { return *policy_; }
  [[nodiscard]] std::shared_ptr<const Policy> shared_policy() const { return policy_; }
  [[nodiscard]] Sessions& sessions() { return sessions_; }
  [[nodiscard]] Exchanges& exchanges() { return exchanges_; }
  [[nodiscard]] Agents& agents() { return agents_; }
  [[nodiscard]] std::chrono::milliseconds default_deadline() const;

  /// Code::busy names the limit that is reached.
  [[nodiscard]] Status admit_handshake(uid_t uid) const;
  void handshake_began(uid_t uid);
  void handshake_ended(uid_t uid);
  void count_failure() { ++counters_.failed; }
  /// The last request again where it was the same: programs ask the same for each of their connections.
  [[nodiscard]] std::shared_ptr<const StartRequest> shared(StartRequest request);
  [[nodiscard]] Audit& audit() { return audit_; }
  Session& add_session(std::string id, std::unique_ptr<Connection> connection, transport::StreamPump::Network network,
                       UniqueFd plain);

  /// Asks the supervisor which executable a process runs; an empty path where it can't tell.
  [[nodiscard]] std::uint64_t ask_executable(pid_t pid, std::function<void(std::string)> on_answer);
  void forget_executable(std::uint64_t number) { executable_queries_.erase(number); }
  void send_adopt(wire::Adopt adopt, UniqueFd socket);
  /// For a pool from before an upgrade.
  void send_visit(const wire::Visit& visit, UniqueFd socket);
  /// How many workers older pools have.
  [[nodiscard]] std::uint32_t elsewhere() const { return elsewhere_; }
  [[nodiscard]] wire::SessionList list_sessions(std::size_t most, std::optional<uid_t> of);
  [[nodiscard]] bool is_retired() const { return retired_at_.has_value(); }
  /// A call has come to its end: a retired worker gives the connection to the pool that has taken over.
  void look_retired_soon();

 private:
  void set_up(const Frame& frame);
  void look_for_idle();
  void listen_on(UniqueFd listener);
  void accept_some();
  Control* add_control(UniqueFd socket, Program program);
  void remove_control(Control* control);
  void adopt(Frame frame);
  void drain();
  // worker_retire.cc
  void retire();
  void look_retired();
  void visit(Frame frame, Asked how);
  [[nodiscard]] bool may_be_asked() const;
  void end_sessions(const Frame& frame);
  void send(wire::Kind kind, std::uint64_t number, const Bytes& body);

  Loop& loop_;
  std::unique_ptr<Channel> supervisor_;
  KeeperLink keeper_;
  KeyLink keys_;
  JudgeLink judge_;
  ClientSessions client_sessions_;
  Staples staples_;
  Agents agents_;
  std::shared_ptr<const Policy> policy_;
  Sessions sessions_;
  std::shared_ptr<const StartRequest> last_request_;
  trust::Revoked revoked_;
  Audit audit_;
  Rechecks rechecks_;
  Exchanges exchanges_;
  std::unique_ptr<transport::Scratch> scratch_ = std::make_unique<transport::Scratch>();
  UniqueFd listener_;
  std::unique_ptr<Poll> listener_poll_;
  Timer accept_pause_;
  std::optional<std::uint64_t> accept_told_;  // Loop::now()
  Timer sweep_;
  Timer idle_;
  Timer retirement_;
  std::optional<std::uint64_t> retired_at_;  // Loop::now()
  bool quiet_ = false;
  bool finished_ = false;
  std::uint32_t elsewhere_ = 0;
  std::unordered_map<Control*, std::unique_ptr<Control>> controls_;
  std::vector<std::unique_ptr<Control>> gone_;  // destroyed when the loop is out of their callbacks
  Room room_{Room::descriptors_allowed()};
  std::unordered_map<std::uint64_t, std::function<void(std::string)>> executable_queries_;
  std::uint64_t last_query_ = 0;
  wire::Counters counters_;
  int exit_status_ = 0;
};

}  // namespace tlspool::worker
