// SPDX-License-Identifier: Apache-2.0
#include "metrics/exporter.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/log.h"
#include "wire/ipc.h"
#include "wire/metrics.h"

namespace tlspool::metrics {
namespace {

// After EMFILE and the like nothing gets better by asking again at once.
constexpr std::chrono::milliseconds accept_rest{100};
constexpr int accept_batch = 16;

std::optional<counters::ProcessFacts> facts_from(int stat) {
  std::array<char, 1024> text;
  // The kernel writes it anew for every read from the start; a process that has ended gives an error.
  const ssize_t n = pread(stat, text.data(), text.size(), 0);
  return n > 0 ? counters::parse_stat({text.data(), static_cast<std::size_t>(n)}) : std::nullopt;
}

}  // namespace

counters::Machine this_machine() {
  timespec now{};
  timespec up{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &up);
  return {static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)), static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)), now.tv_sec - up.tv_sec};
}

Exporter::Exporter(Loop& loop, UniqueFd supervisor, counters::Machine machine)
    : loop_(loop),
      machine_(machine),
      accept_pause_(loop),
      sweep_(loop),
      supervisor_(loop, std::move(supervisor), [this](Frame frame) { on_supervisor(std::move(frame)); }, [this] { loop_.stop(); }) {}

void Exporter::on_supervisor(Frame frame) {
  const auto kind = static_cast<wire::Kind>(frame.kind);
  if (kind == wire::Kind::metrics_setup) {
    auto setup = wire::decode<wire::MetricsSetup>(frame.body);
    if (!setup) return give_up(setup.error());
    tokens_ = std::move(setup->tokens);
    supervisor_.send(wire::Kind::metrics_ready, frame.number, {});
  } else if (kind == wire::Kind::metrics_listener) {
    listen_on(std::move(frame));
  } else if (kind == wire::Kind::metrics_process) {
    set_process(std::move(frame));
  } else {
    log::warning("metrics.unknown_frame", {{"kind", std::to_string(frame.kind)}});
  }
}

void Exporter::set_process(Frame frame) {
  const auto process = wire::decode<wire::MetricsProcess>(frame.body);
  if (!process) return give_up(process.error());
  Process& of = processes_[process->name];
  of.stat.reset();
  if (frame.descriptors.size() != 2) return;  // it has ended; what it counted stays
  of.stat = std::move(frame.descriptors[1]);
  if (of.page != nullptr) return;  // a process that is started again counts on where the one before it stopped
  auto page = counters::map_for_reading(std::move(frame.descriptors[0]));
  if (!page) return give_up(page.error());
  of.page = *page;
}

void Exporter::listen_on(Frame frame) {
  listener_poll_.reset();
  listener_.reset();
  if (frame.descriptors.size() != 1) return;
  listener_ = std::move(frame.descriptors.front());
  listener_poll_ = std::make_unique<Poll>(loop_, listener_.get(), [this](int) { accept_some(); });
  listener_poll_->want(Poll::readable);
}

void Exporter::accept_some() {
  for (int i = 0; i < accept_batch; ++i) {
    UniqueFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (socket.valid()) {
      add(std::move(socket));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR) return;
    log::warning("metrics.accept", {{"reason", system_error("accept", "", errno).reason}});
    listener_poll_->want(Poll::none);
    return accept_pause_.start(accept_rest, [this] {
      if (listener_poll_) listener_poll_->want(Poll::readable);
    });
  }
}

void Exporter::add(UniqueFd socket) {
  // Connections that say nothing must not keep out one that asks.
  if (connections_.size() >= most_connections) connections_.pop_front();
  const auto at = connections_.insert(connections_.end(), nullptr);
  *at = std::make_unique<Connection>(loop_, std::move(socket), [this] { return page(); }, [this, at] {
    gone_.push_back(std::move(*at));
    connections_.erase(at);
    sweep_.start(std::chrono::milliseconds{0}, [this] { gone_.clear(); });
  });
}

std::string Exporter::page() const {
  counters::count<counters::Family::scrapes>();
  std::vector<const counters::Slot*> pages;
  std::vector<counters::ProcessRow> rows;
  for (const auto& [name, process] : processes_) {
    if (process.page != nullptr) pages.push_back(process.page);
    const auto facts = process.stat.valid() ? facts_from(process.stat.get()) : std::nullopt;
    if (facts) rows.push_back({name, *facts});
  }
  return counters::text({TLSPOOL_VERSION, pages, tokens_, rows, machine_});
}

// Without its set-up this process is of no use; the supervisor sees it end and says so.
void Exporter::give_up(const Error& error) {
  log::error("metrics.failed", {{"error", error.text()}});
  exit_status_ = 1;
  loop_.stop();
}

}  // namespace tlspool::metrics
