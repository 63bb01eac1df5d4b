// SPDX-License-Identifier: Apache-2.0
#include "supervisor/main.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <set>

#include "base/contains.h"
#include "base/sandbox.h"
#include "base/socket.h"
#include "base/text.h"
#include "supervisor/admin.h"
#include "supervisor/content.h"
#include "supervisor/inherited.h"
#include "supervisor/notify.h"
#include "supervisor/predecessor.h"
#include "supervisor/upgrade.h"

namespace tlspool::supervisor {
namespace {

// As start() does it, where a pool is at work.
Result<Content> read_again(const config::Paths& paths) {
  auto content = read_content(paths);
  if (!content) return content;
  auto audit = open_audit(content->config.audit, paths.directory);
  if (!audit) return fail(std::move(audit.error()));
  content->audit = std::move(*audit);
  return content;
}

class Daemon {
 public:
  Daemon(Ground ground, Content content, Listeners listeners, const Options& options)
      : paths_(ground.paths),
        listeners_(std::move(listeners)),
        pool_(loop_, std::move(ground), std::move(content), std::move(listeners_.programs.socket),
              {[this] { ready(); }, [this](const std::string& why) { failed(why); }}),
        upgrade_(loop_, options.program, options.arguments),
        before_timer_(loop_),
        child_(loop_, SIGCHLD, [this](int) { pool_.reap(); upgrade_.reap(); }),
        term_(loop_, SIGTERM, [this](int) { stop(); }),
        interrupt_(loop_, SIGINT, [this](int) { stop(); }),
        hangup_(loop_, SIGHUP, [this](int) { reload([](const Status&) {}); }),
        user_(loop_, SIGUSR2, [this](int) { upgrade([](const Result<pid_t>&) {}); }) {
    if (options.takeover < 0) {
      administer();
    } else {
      follow(UniqueFd{options.takeover});
    }
  }

  int run() {
    if (auto done = pool_.start(); !done) failed(done.error().text());
    loop_.run();
    if (serves_) remove_sockets(listeners_);
    log::info("pool.stopped", {{"pool", paths_.directory}});
    return exit_code_;
  }

 private:
  void follow(UniqueFd predecessor) {
    (void)fcntl(predecessor.get(), F_SETFD, FD_CLOEXEC);
    pool_.hold();
    predecessor_ = std::make_unique<Predecessor>(
        loop_, std::move(predecessor),
        Predecessor::Events{[this](std::uint32_t workers) { take_over(workers); },
                            [this](const std::string& token, UniqueFd keeper) { pool_.enter_pin(token, std::move(keeper)); },
                            [this](const std::string& note, const UniqueFd& memory) {
                              if (auto done = pool_.inherit_tickets(note, memory); !done) log::info("upgrade.no_tickets", {{"reason", done.error().text()}});
                            },
                            [this](UniqueFd program) { pool_.welcome(std::move(program)); },
                            [this](const wire::Visit& call, UniqueFd program) { pool_.nowhere(call, std::move(program)); },
                            [this] { left_alone(); }});
    pool_.after_pin([this] {
      if (predecessor_ && !serves_) ready();
    });
  }

  void ready() {
    if (!predecessor_) return serve();
    if (!predecessor_->ready(without_tokens())) left_alone();
  }

  // Names of tokens that the keeper can't use.
  [[nodiscard]] std::string without_tokens() const {
    std::string out;
    for (const std::string& name : pool_.tokens_without(wire::TokenState::ready)) out += (out.empty() ? "" : " ") + name;
    return out;
  }

  // The pool from before is gone. Where it had not said that this one is to serve, this one was given up.
  void left_alone() {
    predecessor_.reset();
    before_.end();
    pool_.forget_before();
    if (drained_) return loop_.stop();
    if (!took_over_) failed("the pool from before does not want this one");
  }

  void administer() {
    serves_ = true;
    admin_ = std::make_unique<Admin>(loop_, listeners_.admin.socket.get(), pool_,
                                     Admin::Functions{[this](std::function<void(Status)> done) { reload(std::move(done)); },
                                                      [this](std::function<void(const Result<pid_t>&)> done) { upgrade(std::move(done)); },
                                                      [this](const std::string& method, wire::Value parameters, Predecessor::Answer answer) {
                                                        if (!predecessor_) return answer(nullptr);
                                                        predecessor_->ask(method, std::move(parameters), std::move(answer));
                                                      }});
  }

  void take_over(std::uint32_t workers) {
    took_over_ = true;
    administer();
    pool_.serve({workers, [this](const Bytes& end, Predecessor::Ended done) { predecessor_->end_sessions(end, std::move(done)); },
                 [this](const wire::Visit& call, UniqueFd& program) { return predecessor_->visit(call, program); }});
    look_before();
    serve();
    reload_before([] {});  // it may be another configuration
  }

  void serve() {
    log::info("pool.ready", {{"pool", paths_.directory},
                             {"socket", paths_.programs_socket()},
                             {"admin_socket", paths_.admin_socket()},
                             {"workers", std::to_string(pool_.ground().workers)},
                             {"identities", std::to_string(pool_.config().identities.size())}});
    note_applied();
    notify_ready("Ready, pool " + paths_.directory);
  }

  static void note_applied() { counters::set<counters::Family::last_reload>(static_cast<std::uint64_t>(std::time(nullptr))); }

  void failed(const std::string& why) {
    if (exit_code_ != 0) return;
    exit_code_ = 1;
    log::error("pool.failed", {{"pool", paths_.directory}, {"reason", why}});
    if (predecessor_) predecessor_->failed(why);
    stop();
  }

  void stop() {
    upgrade_.give_up("the pool is being stopped");
    if (serves_) notify_stopping();
    end();
  }

  // With all that is older.
  void end() {
    predecessor_.reset();
    pool_.forget_before();
    if (drained_) return loop_.stop();
    pool_.stop([this] { loop_.stop(); });
  }

  void reload(std::function<void(Status)> done) {
    if (pool_.is_retired()) return done(fail({Code::busy, "reload", paths_.directory, "another process has taken over", {}}));
    upgrade_.give_up("the configuration is being read again");
    notify_reloading();
    auto content = read_again(paths_);
    if (!content) return refused(content.error(), done);
    warn_of_restart(content->config);
    pool_.reload(std::move(*content), [this, done = std::move(done)](const Status& applied) {
      if (!applied) return refused(applied.error(), done);
      log::info("config.applied", {{"pool", paths_.directory}});
      counters::count<counters::Family::reloads>(counters::Reload::applied);
      note_applied();
      notify_ready("Ready, pool " + paths_.directory);
      reload_before([done] { done({}); });
    });
  }

  // Sessions from before an upgrade, too, are to go where the configuration says that the others must.
  void reload_before(std::function<void()> done) {
    if (!predecessor_ || pool_.config().sessions.on_reload != config::OnReload::recheck) return done();
    predecessor_->reload(std::move(done));
  }

  static void refused(const Error& error, const std::function<void(Status)>& done) {
    counters::count<counters::Family::reloads>(counters::Reload::refused);
    log::error("config.refused", {{"reason", error.text()}, {"kept", "the configuration from before"}});
    notify_ready("Ready; the last configuration was refused: " + error.subject);
    done(fail(Error(error)));
  }

  void upgrade(std::function<void(const Result<pid_t>&)> done) {
    log::info("upgrade.begun", {{"pool", paths_.directory}});
    pins_given_.clear();
    upgrade_.begin(sockets(), {[this](const std::vector<std::string>& without) { successor_ready(without); },
                                [this](pid_t process) { taken_over(process); },
                                [this, done = std::move(done)](const Result<pid_t>& ended) {
                                  if (!ended) {
                                    pool_.keep_files();
                                    log::error("upgrade.failed", {{"reason", ended.error().text()}, {"kept", "this process"}});
                                  }
                                  done(ended);
                                },
                                [this](const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) {
                                  successor_says(word, rest, std::move(descriptors));
                                },
                                [this] { end_all("the process that took over is gone, and nobody could say which of them must end"); }});
  }

  // Who made a socket's file removes it at the end: this is then the new one.
  [[nodiscard]] std::vector<Handed> sockets() const {
    const auto name = [](std::string of, const Listener& listener) { return listener.file.empty() ? of : of + made_suffix; };
    return {{pool_.listener(), name("pool", listeners_.programs)}, {listeners_.admin.socket.get(), name("admin", listeners_.admin)}};
  }

  void successor_ready(const std::vector<std::string>& without) {
    const auto unusable = pool_.tokens_without(wire::TokenState::ready);
    for (const std::string& name : without) {
      if (!contains(unusable, name)) return give_pin(name);
    }
    pool_.leave_files([this, process = upgrade_.process()] {
      if (upgrade_.under_way() && upgrade_.process() == process) hand_over();
    });
  }

  // One that somebody typed is in this keeper alone, and goes from there to the new one by a connection that only these two have.
  void give_pin(const std::string& token) {
    auto pair = socket_pair(SOCK_STREAM, false);
    if (!pair) return upgrade_.refuse(pair.error());
    if (!pins_given_.insert(token).second) {
      return upgrade_.refuse({Code::token_locked, "upgrade", "token=" + token, "the new process can't use it, and this one can",
                              "the log says why (token.unusable)"});
    }
    pool_.give_pin(token, std::move(pair->first));
    upgrade_.send(Relay::pin, token, std::move(pair->second));
  }

  void hand_over() {
    auto tickets = pool_.ticket_keys();
    if (tickets) upgrade_.send(Relay::tickets, tickets->note, std::move(tickets->memory));
    if (!tickets) log::warning("upgrade.no_tickets", {{"reason", tickets.error().text()}});
    upgrade_.complete(pool_.all_workers());
  }

  void taken_over(pid_t by) {
    log::info("upgrade.done", {{"process", std::to_string(by)}, {"drain", std::to_string(pool_.config().drain)}});
    notify_successor(by);
    serves_ = false;  // the sockets' files are the new one's
    admin_->retire();
    pool_.retire([this](UniqueFd program) { upgrade_.send(Relay::program, {}, std::move(program)); },
                 [this](const wire::Visit& call, UniqueFd program) { upgrade_.send(Relay::nowhere, visit_text(call), std::move(program)); },
                 [this] {
                   // What is older than this one reaches the new one by it.
                   drained_ = true;
                   if (!predecessor_) loop_.stop();
                 });
  }

  // Who is revoked, and what a new configuration refuses, must not go on here. What can't be understood ends all that is left.
  void successor_says(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) {
    if (word == Relay::end || word == Relay::reload) {
      const std::string number = rest.substr(0, rest.find(' '));
      if (word == Relay::reload) return successor_reloads(number);
      const auto end = number.size() < rest.size() ? unhex(rest.substr(number.size() + 1)) : std::nullopt;
      if (!end || !wire::decode<wire::EndSessions>(*end)) return end_all("the new process has ended some, and it can't be understood which");
      pool_.end_sessions(*end, [this, number](std::uint64_t count) { upgrade_.send(Relay::done, number + " " + std::to_string(count)); });
    } else if (word == Relay::administer && descriptors.size() == 1) {
      admin_->serve_successor(std::move(descriptors.front()));
    } else if (word == Relay::visit && descriptors.size() == 1) {
      if (const auto call = parse_visit(rest)) pool_.visit(*call, std::move(descriptors.front()));
    }
  }

  void successor_reloads(const std::string& number) {
    auto content = read_again(paths_);
    if (!content) return end_all(content.error().text());
    pool_.reload(std::move(*content), [this, number](const Status& applied) {
      if (!applied) return end_all(applied.error().text());
      reload_before([this, number] { upgrade_.send(Relay::done, number + " 0"); });
    });
  }

  void end_all(const std::string& why) {
    log::warning("upgrade.sessions_ended", {{"reason", why}});
    end();
  }

  // Now and then what the older pool counts is added to what is counted here.
  void look_before() {
    if (!predecessor_) return;
    predecessor_->ask("Statistics", wire::Value::object(), [this](const wire::Value* statistics) {
      if (statistics != nullptr) before_.take(*statistics, pool_.token_names());
    });
    before_timer_.start(std::chrono::seconds(2), [this] { look_before(); });
  }

  // What a running process can't take on.
  void warn_of_restart(const config::Config& now) const {
    const config::Config& old = pool_.config();
    const bool users = now.users.keeper != old.users.keeper || now.users.worker != old.users.worker ||
                       now.users.judge != old.users.judge || now.users.fetcher != old.users.fetcher || now.users.metrics != old.users.metrics;
    if (users) log::warning("config.needs_restart", {{"setting", "[users]"}});
    if (now.workers != old.workers) log::warning("config.needs_restart", {{"setting", "[pool] workers"}});
    if (now.log_format != old.log_format || now.log_level != old.log_level) {
      log::warning("config.needs_restart", {{"setting", "[log]"}});
    }
  }

  config::Paths paths_;
  Listeners listeners_;
  Loop loop_;
  Pool pool_;
  Upgrade upgrade_;
  std::unique_ptr<Predecessor> predecessor_;  // while there is one
  Inherited before_;                          // what it counts
  Timer before_timer_;
  bool took_over_ = false;                    // from it
  bool drained_ = false;
  std::set<std::string> pins_given_;          // tokens, to a new process
  std::unique_ptr<Admin> admin_;
  bool serves_ = false;
  SignalWatch child_;
  SignalWatch term_;
  SignalWatch interrupt_;
  SignalWatch hangup_;
  SignalWatch user_;
  int exit_code_ = 0;
};

int refuse(const Error& error, const Options& options) {
  log::error("pool.failed", {{"reason", error.text()}});
  const std::string text = std::string(Relay::failed) + " " + error.text();
  if (options.takeover >= 0) (void)transmit(options.takeover, view(text), {}, MSG_DONTWAIT);
  return 1;
}

Status raise_limits() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail(system_error("getrlimit", "RLIMIT_NOFILE", errno));
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return fail(system_error("setrlimit", "RLIMIT_NOFILE", errno));
  return {};
}

int check(const config::Paths& paths) {
  auto content = read_content(paths);
  auto ground = content ? find_ground(paths, content->config) : fail(std::move(content.error()));
  if (!ground) {
    std::fprintf(stderr, "tlspoold: %s\n", ground.error().text().c_str());
    return 1;
  }
  std::printf("%s: ok\n", paths.file().c_str());
  return 0;
}

int start(const config::Paths& paths, const Options& options) {
  auto content = read_content(paths);
  if (!content) return refuse(content.error(), options);
  const config::Config& config = content->config;
  log::start(options.log.value_or(config.log_format), config.log_level, "supervisor");
  auto ground = find_ground(paths, config);
  if (!ground) return refuse(ground.error(), options);
  ground->outside = options.outside;
  auto audit = open_audit(config.audit, paths.directory);
  if (!audit) return refuse(audit.error(), options);
  content->audit = std::move(*audit);
  if (auto done = refuse_dumps(); !done) return refuse(done.error(), options);
  if (auto done = raise_limits(); !done) return refuse(done.error(), options);
  auto listeners = open_listeners(paths);
  if (!listeners) return refuse(listeners.error(), options);
  log::info("pool.started", {{"pool", paths.directory}, {"version", TLSPOOL_VERSION}, {"pid", std::to_string(getpid())}});
  if (!config.name.empty() && config.identities.empty()) {
    log::warning("identity.none", {{"pool", paths.directory}, {"reason", "no identity is configured, so no server can be served"}});
  }
  return Daemon(std::move(*ground), std::move(*content), std::move(*listeners), options).run();
}

}  // namespace

int run(const Options& options) {
  signal(SIGPIPE, SIG_IGN);  // a reader of our log that left must not end the pool
  log::start(options.log.value_or(log::Format::text), log::Level::info, "supervisor");
  auto paths = config::find_pool(options.pool);
  if (!paths) return refuse(paths.error(), options);
  return options.check ? check(*paths) : start(*paths, options);
}

}  // namespace tlspool::supervisor
