// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/paths.h"
#include "supervisor/audit_output.h"
#include "supervisor/child.h"
#include "supervisor/gather.h"
#include "supervisor/hook_programs.h"
#include "supervisor/judge_calls.h"
#include "supervisor/metrics_service.h"
#include "supervisor/pages.h"
#include "supervisor/setup.h"
#include "supervisor/ticket_keys.h"

namespace tlspool::supervisor {

/// What a pool is started with; nothing of it changes without a restart of the daemon.
struct Ground {
  config::Paths paths;
  Owner owner;
  std::optional<RunAs> keeper;  ///< none: the supervisor's own user
  std::optional<RunAs> worker;
  std::optional<RunAs> judge;
  std::uint32_t workers = 1;
  Credentials credentials;
  std::string outside;  ///< directory of the sockets at which systemd starts what needs the network; empty: nothing is outside
  [[nodiscard]] std::string socket_of(const std::string& role) const { return outside.empty() ? "" : outside + "/" + role + ".sock"; }
};

/// The configuration together with the files it names, read and checked.
struct Content {
  config::Config config;
  Material material;
  std::optional<RunAs> fetcher;  ///< whom it becomes; none: the supervisor's own user, or no [[kme]] is configured
  std::vector<HookPrograms::Program> hooks;  ///< those that are programs
  std::shared_ptr<const ClusterKeys> cluster;  ///< null: the pool belongs to no cluster
  std::optional<RunAs> metrics;  ///< as `fetcher`, for [metrics]
  std::shared_ptr<const AuditOutput> audit;  ///< null: as if nothing were configured
};

/// The processes of one pool and the channels between them.
class Pool {
 public:
  struct Events {
    std::function<void()> ready;                          ///< once: every process is ready
    std::function<void(const std::string& why)> failed;  ///< a process died before that
  };
  using OnReloaded = std::function<void(const Status&)>;
  using OnOutcomes = std::function<void(std::optional<wire::OutcomeCounters>)>;
  Pool(Loop& loop, Ground ground, Content content, UniqueFd listener, Events events);
  ~Pool();

  [[nodiscard]] Status start();
  /// Every process gets the new content; `done` comes when all have it (or 10 s later). The judge is asked first: what it can't read and
  /// could before, or is new, is an error, and the old content stays. While one is under way, the newest of those that follow waits.
  void reload(Content content, OnReloaded done);
  /// What of an older pool this one needs, while that drains.
  struct Before {
    std::uint32_t workers = 0;  ///< its own, and of those that are older still
    std::function<void(const Bytes& end, std::function<void(std::uint64_t sessions)> done)> end_sessions;
    /// False: it can't be asked, and `program` is as it was.
    std::function<bool(const wire::Visit& call, UniqueFd& program)> visit;
  };
  /// Serves nobody until serve(): another pool has the listening socket, too. Before start().
  void hold() { held_ = true; }
  /// `before`: the pool that this one takes over from.
  void serve(Before before);
  /// It is not there any more.
  void forget_before();
  [[nodiscard]] std::uint32_t all_workers() const { return static_cast<std::uint32_t>(workers_.size()) + (before_ ? before_->workers : 0); }
  /// The programs' listening socket; borrowed.
  [[nodiscard]] int listener() const { return listener_.get(); }
  /// A program's connection, from the pool that this one follows.
  void welcome(UniqueFd program);
  /// Tokens that are in another state than this one.
  [[nodiscard]] std::vector<std::string> tokens_without(wire::TokenState state) const;
  /// A program's connection with nothing under way.
  using OnIdle = std::function<void(UniqueFd program)>;
  using OnNowhere = std::function<void(const wire::Visit& call, UniqueFd program)>;
  /// The judge's files are another judge's from `done` on, or until keep_files().
  void leave_files(std::function<void()> done);
  void keep_files();
  /// Another pool serves from now on: accepts nothing more, and ends with the last session, or when [pool] drain is over. `on_nowhere`:
  /// a program's call that visits did not find the session of.
  void retire(OnIdle on_idle, OnNowhere on_nowhere, std::function<void()> done);
  [[nodiscard]] bool is_retired() const { return static_cast<bool>(on_idle_); }
  /// A program's call, from the pool that has taken over.
  void visit(const wire::Visit& call, UniqueFd program);
  /// The older pool does not know the session either.
  void nowhere(const wire::Visit& call, UniqueFd program);
  /// Ends sessions and processes; `done` comes when all are gone, 5 s later at the latest.
  void stop(std::function<void()> done);
  /// Look which processes have ended.
  void reap();
  /// Gives the keeper one end of a connection on which a program writes a token's PIN.
  void enter_pin(const std::string& token, UniqueFd connection);
  /// What comes after a PIN was entered, whatever became of it, and the report of the keeper.
  void after_pin(std::function<void()> done) { after_pin_ = std::move(done); }
  /// Has the keeper write the PIN that was entered for a token, if there is one, and close the connection.
  void give_pin(const std::string& token, UniqueFd connection);
  /// Gives the keeper one end of a connection on which a program speaks wire/key_admin.h.
  void open_keys(UniqueFd connection);
  void ask_judge(const wire::JudgeAdmin& request, JudgeCalls::Done done) { judge_calls_.ask(*judge_, request, std::move(done)); }
  /// `sessions`: how many were ended.
  using OnRevoked = std::function<void(const wire::JudgeAdminAnswer& answer, std::uint64_t sessions)>;
  /// JudgeOperation::revoke or unrevoke: from its answer on, the workers know of it.
  void revoke(const wire::JudgeAdmin& request, OnRevoked done);
  /// Ends sessions of this pool and of the older ones. `end`: wire::EndSessions.
  void end_sessions(const Bytes& end, std::function<void(std::uint64_t sessions)> done);
  void ask_workers(wire::Kind query, Gather::Done done, const Bytes& body = {});

  [[nodiscard]] const Ground& ground() const { return ground_; }
  [[nodiscard]] const config::Config& config() const { return content_.config; }
  [[nodiscard]] const wire::KeeperReport& report() const { return report_; }
  /// What the workers were told last.
  [[nodiscard]] const wire::WorkerSetup& setup() const { return setup_; }
  /// OCSP responses for the pool's own certificates, by the SHA-256 of the leaf.
  [[nodiscard]] const std::map<Bytes, wire::Staple>& staples() const { return staples_; }
  [[nodiscard]] Result<TicketKeys::Handed> ticket_keys() const { return tickets_.hand_over(); }
  /// Those of the pool that this one takes over from.
  [[nodiscard]] Status inherit_tickets(const std::string& note, const UniqueFd& memory) { return tickets_.inherit(note, memory); }
  /// Whether workers' ticket key is the one that the cluster has.
  [[nodiscard]] bool shares_tickets() const { return tickets_.shared(); }
  /// How the judge's memory of outcomes fares; nothing where the judge does not answer. `done` comes later.
  void ask_judge(OnOutcomes done);
  [[nodiscard]] std::uint32_t anchors() const { return anchors_; }
  [[nodiscard]] std::vector<Child*> children() const;
  /// What all its processes count.
  [[nodiscard]] const Pages& pages() const { return pages_; }
  /// Names of tokens by the numbers that they are counted as.
  [[nodiscard]] std::vector<std::string> token_names();

 private:
  // A reload under way: who has yet to answer, and who waits for its end.
  struct Reload {
    Content content;  // until the judge has agreed
    std::vector<OnReloaded> done;
    bool judge = true;
    bool keeper = false;
    bool fetcher = false;
  };

  void make_children();
  /// Those without which the pool is not whole.
  [[nodiscard]] std::vector<Child*> needed_children() const;
  void apply_metrics();
  void send_audit(std::uint32_t worker);
  void make_fetcher();
  [[nodiscard]] bool wants_fetcher() const;
  void send_keeper_setup();
  void equip_keeper();
  void send_judge_setup(const Content& content, std::uint64_t number);
  void send_own_certificates();
  void take_staple(const Frame& frame);
  void send_staples(std::uint32_t worker);
  void equip_judge();
  void equip_fetcher();
  void equip_worker(std::uint32_t index);
  void from_keeper(Frame frame);
  void from_judge(Frame frame);
  void from_fetcher(const Frame& frame);
  void from_worker(std::uint32_t index, Frame frame);
  void ended(Child& child, const std::string& reason);
  void connect_keeper(std::uint32_t worker, const std::string& token);
  void connect_judge(std::uint32_t worker);
  void connect_keys(std::uint32_t worker);
  void connect_fetcher();  // to the keeper
  void connect_controls(std::uint32_t worker);
  [[nodiscard]] bool wants_hook_controls() const;
  void connect_hook_controls(std::uint32_t worker);
  void send_fetcher_setup();
  void reload_fetcher();
  void send_setup(std::uint32_t worker);
  void send_setups();
  [[nodiscard]] Bytes ticket_binding(const wire::WorkerSetup& setup) const;
  void renew_setup();
  // pool_sessions.cc
  [[nodiscard]] Bytes with_revoked(Bytes policy) const;
  void take_revoked(const Bytes& digest);
  void recheck_sessions();
  void end_sessions_of_lost_tokens(const wire::KeeperReport& now);
  void look_ready();
  // pool_reload.cc
  void begin_reload();
  void judged(std::uint64_t number, const wire::JudgeReady& ready);
  void take_content();
  void look_reloaded();
  void finish_reload();
  void end_reload(const Status& how);
  void reload_is_late();
  void answer_executable(Child& worker, const Frame& frame);
  void adopt(Child& from, Frame frame);
  void terminate();
  void look_stopped();
  // pool_retire.cc
  void send_listener(std::uint32_t worker);
  void send_listeners();
  void send_elsewhere();
  void take_files();
  void pass_on(const wire::Visit& call, UniqueFd program);
  void look_quiet();
  void look_retired();

  Loop& loop_;
  Pages pages_;
  Ground ground_;
  Content content_;
  UniqueFd listener_;
  Events events_;
  KeyNumbers numbers_;
  wire::KeeperReport report_;
  bool reported_ = false;  // the keeper has answered once, so that workers can be told about keys
  std::uint32_t anchors_ = 0;
  std::optional<Bytes> revoked_;  // digest; none: the judge has not told yet
  wire::WorkerSetup setup_;
  std::map<Bytes, wire::Staple> staples_;  // by leaf; for workers that start later
  TicketKeys tickets_;
  std::shared_ptr<const ClusterKeys> ticket_cluster_;  // whose key tickets_ has
  bool ready_ = false;
  std::optional<Reload> reload_;
  std::optional<Reload> next_reload_;
  std::uint64_t reload_number_ = 0;
  Timer reload_timer_;
  bool held_ = false;  // workers have no listening socket yet
  std::uint32_t next_welcome_ = 0;
  std::optional<std::uint64_t> taking_files_;  // number of the judge_ready after which the workers get the listening socket; 0: of its start
  bool files_left_ = false;
  std::optional<Before> before_;
  OnIdle on_idle_;
  OnNowhere on_nowhere_;
  std::set<const Child*> quiet_;
  std::set<const Child*> finished_;
  std::function<void()> after_pin_;
  std::function<void()> retired_;
  std::function<void()> stopped_;
  bool drained_ = false;  // no worker is left, and the others were told to end
  Timer stop_timer_;
  Gather gather_;
  JudgeCalls judge_calls_;
  HookPrograms hooks_;
  std::unique_ptr<Child> keeper_;
  std::unique_ptr<Child> judge_;
  std::unique_ptr<Child> fetcher_;     // null until a [[kme]] is configured
  std::vector<std::size_t> controls_;  // control connections of the fetcher, by worker
  std::vector<std::size_t> hook_controls_;  // of the judge, by worker
  std::vector<std::unique_ptr<Child>> workers_;
  MetricsService metrics_;
};

}  // namespace tlspool::supervisor
