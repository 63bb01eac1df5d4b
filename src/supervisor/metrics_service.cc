// SPDX-License-Identifier: Apache-2.0
#include "supervisor/metrics_service.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "wire/metrics.h"

namespace tlspool::supervisor {
namespace {

using wire::Kind;

bool same(const config::Metrics& a, const config::Metrics& b) { return a.listen == b.listen; }

}  // namespace

MetricsService::~MetricsService() { close_listener(); }

void MetricsService::apply(const config::Metrics& where, const std::optional<RunAs>& user, std::vector<std::string> tokens) {
  tokens_ = std::move(tokens);
  if (!same(where, where_)) {
    close_listener();
    where_ = where;
  }
  if (where_.listen.empty()) {
    if (!child_) return;
    child_->after_end(Child::AfterEnd::stay_down);
    return child_->signal(SIGTERM);
  }
  if (!child_ || !child_->running()) {
    make_child(user);
    // Whatever it is, the next start is for this process what it is for the others of a pool that was ready once.
    child_->after_end(Child::AfterEnd::start_again);
    if (auto done = child_->start(); !done) log::error("process.not_started", {{"name", "metrics"}, {"reason", done.error().text()}});
  } else {
    child_->after_end(Child::AfterEnd::start_again);
    child_->send(Kind::metrics_setup, wire::MetricsSetup{tokens_});
  }
  if (!listener_.socket.valid()) listen();
}

void MetricsService::make_child(const std::optional<RunAs>& user) {
  child_ = std::make_unique<Child>(loop_, "metrics", StartAs{"metrics", "/", user, {}},
                                   Child::Events{[this] { equip(); },
                                                 [this](const Frame& frame) {
                                                   if (frame.kind == Kind::metrics_ready) child_->ready();
                                                 },
                                                 [this](const std::string&) { ended_(); }},
                                   pages_.of("metrics"));
}

void MetricsService::listen() {
  auto listener = listen_for_metrics(where_);
  if (!listener) {
    if (!std::exchange(complained_, true)) {
      log::error("metrics.not_listening", {{"address", where_.listen}, {"reason", listener.error().text()}, {"advice", "it is tried again; or correct [metrics] listen"}});
    }
    return retry_.start(between_tries, [this] { listen(); });
  }
  complained_ = false;
  listener_ = std::move(*listener);
  log::info("metrics.listening", {{"address", where_.listen}});
  child_->send_bytes(Kind::metrics_listener, {}, 0, only(UniqueFd{fcntl(listener_.socket.get(), F_DUPFD_CLOEXEC, 0)}));
}

void MetricsService::close_listener() {
  retry_.stop();
  complained_ = false;
  if (!listener_.socket.valid()) return;
  if (child_) child_->send_bytes(Kind::metrics_listener, {}, 0);
  if (!listener_.file.empty()) unlink(listener_.file.c_str());
  listener_ = {};
}

void MetricsService::equip() {
  child_->send(Kind::metrics_setup, wire::MetricsSetup{tokens_});
  send(Pages::own, "/proc/self/stat");
  show(*child_);
  for (const Child* other : others_()) {
    if (other != child_.get()) show(*other);
  }
  if (listener_.socket.valid()) {
    child_->send_bytes(Kind::metrics_listener, {}, 0, only(UniqueFd{fcntl(listener_.socket.get(), F_DUPFD_CLOEXEC, 0)}));
  }
}

void MetricsService::show(const Child& child) {
  if (child.running()) send(child.name(), ("/proc/" + std::to_string(child.pid()) + "/stat").c_str());
}

void MetricsService::hide(const Child& child) {
  if (child_ && child_->running()) child_->send(Kind::metrics_process, wire::MetricsProcess{child.name()});
}

// Opened here, for the metrics process opens nothing; whoever reads it later sees it as it is then.
void MetricsService::send(const std::string& name, const char* stat) {
  if (!child_ || !child_->running()) return;
  const counters::Page* page = pages_.of(name);
  if (page == nullptr) return;
  auto memory = page->for_reader();
  UniqueFd facts{open(stat, O_RDONLY | O_CLOEXEC)};
  if (!memory || !facts.valid()) return log::warning("metrics.incomplete", {{"process", name}});
  std::vector<UniqueFd> descriptors = only(std::move(*memory));
  descriptors.push_back(std::move(facts));
  child_->send(Kind::metrics_process, wire::MetricsProcess{name}, 0, std::move(descriptors));
}

void MetricsService::stop() {
  retry_.stop();
  if (child_) child_->after_end(Child::AfterEnd::stay_down);
}

}  // namespace tlspool::supervisor
