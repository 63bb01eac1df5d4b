// SPDX-License-Identifier: Apache-2.0
#include "supervisor/main.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "base/sandbox.h"
#include "supervisor/admin.h"
#include "supervisor/content.h"
#include "supervisor/notify.h"

namespace tlspool::supervisor {
namespace {

Result<Content> with_audit(Content content, const config::Paths& paths) {
  auto audit = open_audit(content.config.audit, paths.directory);
  if (!audit) return fail(std::move(audit.error()));
  content.audit = std::move(*audit);
  return content;
}

class Daemon {
 public:
  Daemon(Ground ground, Content content, Listeners listeners)
      : paths_(ground.paths),
        listeners_(std::move(listeners)),
        pool_(loop_, std::move(ground), std::move(content), std::move(listeners_.programs.socket),
              {[this] { ready(); }, [this](const std::string& why) { failed(why); }}),
        admin_(loop_, listeners_.admin.socket.get(), pool_,
               [this](std::function<void(Status)> done) { reload(std::move(done)); }),
        child_(loop_, SIGCHLD, [this](int) { pool_.reap(); }),
        term_(loop_, SIGTERM, [this](int) { stop(); }),
        interrupt_(loop_, SIGINT, [this](int) { stop(); }),
        hangup_(loop_, SIGHUP, [this](int) { reload([](const Status&) {}); }) {}

  int run() {
    if (auto done = pool_.start(); !done) failed(done.error().text());
    loop_.run();
    remove_sockets(listeners_);
    log::info("pool.stopped", {{"pool", paths_.directory}});
    return exit_code_;
  }

 private:
  void ready() {
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
    stop();
  }

  void stop() {
    notify_stopping();
    pool_.stop([this] { loop_.stop(); });
  }

  void reload(std::function<void(Status)> done) {
    notify_reloading();
    auto content = read_content(paths_);
    if (content) content = with_audit(std::move(*content), paths_);
    if (!content) return refused(content.error(), done);
    warn_of_restart(content->config);
    pool_.reload(std::move(*content), [this, done = std::move(done)](const Status& applied) {
      if (!applied) return refused(applied.error(), done);
      log::info("config.applied", {{"pool", paths_.directory}});
      counters::count<counters::Family::reloads>(counters::Reload::applied);
      note_applied();
      notify_ready("Ready, pool " + paths_.directory);
      done({});
    });
  }

  static void refused(const Error& error, const std::function<void(Status)>& done) {
    counters::count<counters::Family::reloads>(counters::Reload::refused);
    log::error("config.refused", {{"reason", error.text()}, {"kept", "the configuration from before"}});
    notify_ready("Ready; the last configuration was refused: " + error.subject);
    done(fail(Error(error)));
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
  Admin admin_;
  SignalWatch child_;
  SignalWatch term_;
  SignalWatch interrupt_;
  SignalWatch hangup_;
  int exit_code_ = 0;
};

int refuse(const Error& error) {
  log::error("pool.failed", {{"reason", error.text()}});
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
  if (!content) return refuse(content.error());
  const config::Config& config = content->config;
  log::start(options.log.value_or(config.log_format), config.log_level, "supervisor");
  auto ground = find_ground(paths, config);
  if (!ground) return refuse(ground.error());
  ground->outside = options.outside;
  auto audit = open_audit(config.audit, paths.directory);
  if (!audit) return refuse(audit.error());
  content->audit = std::move(*audit);
  if (auto done = refuse_dumps(); !done) return refuse(done.error());
  if (auto done = raise_limits(); !done) return refuse(done.error());
  auto listeners = open_listeners(paths);
  if (!listeners) return refuse(listeners.error());
  log::info("pool.started", {{"pool", paths.directory}, {"version", TLSPOOL_VERSION}, {"pid", std::to_string(getpid())}});
  if (!config.name.empty() && config.identities.empty()) {
    log::warning("identity.none", {{"pool", paths.directory}, {"reason", "no identity is configured, so no server can be served"}});
  }
  return Daemon(std::move(*ground), std::move(*content), std::move(*listeners)).run();
}

}  // namespace

int run(const Options& options) {
  signal(SIGPIPE, SIG_IGN);  // a reader of our log that left must not end the pool
  log::start(options.log.value_or(log::Format::text), log::Level::info, "supervisor");
  auto paths = config::find_pool(options.pool);
  if (!paths) return refuse(paths.error());
  return options.check ? check(*paths) : start(*paths, options);
}

}  // namespace tlspool::supervisor
