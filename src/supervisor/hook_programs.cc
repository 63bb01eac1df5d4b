// SPDX-License-Identifier: Apache-2.0
#include "supervisor/hook_programs.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/text.h"
#include "supervisor/hook_process.h"
#include "supervisor/process.h"

namespace tlspool::supervisor {
namespace {

// A program that has lived for so long did its work.
constexpr std::chrono::seconds settled{1};

bool same(const HookPrograms::Program& a, const HookPrograms::Program& b) {
  const auto uid = [](const HookPrograms::Program& p) { return p.user ? p.user->uid : 0; };
  return wire::encode(a.setup) == wire::encode(b.setup) && uid(a) == uid(b);
}

/// How it ended, and all that it forked ends, too. None where it still runs.
std::optional<std::string> take_end(pid_t pid) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid) return std::nullopt;
  kill(-pid, SIGKILL);  // before the number can be another's
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return std::nullopt;
  return describe_end(status);
}

}  // namespace

HookPrograms::~HookPrograms() { end_all(); }

void HookPrograms::set(std::vector<Program> programs) {
  std::vector<std::unique_ptr<Place>> kept;
  std::vector<std::size_t> fresh;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const auto known = std::find_if(programs_.begin(), programs_.end(), [&](const Program& p) { return same(p, programs[i]); });
    if (known == programs_.end()) {
      fresh.push_back(i);
      continue;
    }
    const auto before = static_cast<std::size_t>(known - programs_.begin());
    for (auto& place : places_) {
      if (!place || place->program != before) continue;
      place->program = i;
      kept.push_back(std::move(place));
    }
  }
  for (auto& place : places_) {
    if (place) end(*place);
  }
  places_ = std::move(kept);
  programs_ = std::move(programs);
  for (const std::size_t program : fresh) start_all(program);
}

void HookPrograms::start_anew(std::vector<Program> programs) {
  end_all();
  programs_.clear();
  set(std::move(programs));
}

void HookPrograms::start_all(std::size_t program) {
  for (std::uint32_t i = 0; i < programs_[program].setup.count; ++i) {
    places_.push_back(std::make_unique<Place>());
    Place& place = *places_.back();
    place.program = program;
    place.timer = std::make_unique<Timer>(loop_);
    start(place);
  }
}

void HookPrograms::start(Place& place) {
  const Program& program = programs_[place.program];
  place.born = loop_.now();
  auto started = start_hook({program.setup.program, program.user, program.setup.processes, program.setup.memory});
  if (!started) return ended(place, started.error().text());
  place.pid = started->pid;
  place.number = ++last_number_;
  place.error_text.clear();
  place.error_size = 0;
  place.error_output = std::move(started->error_output);
  place.error_poll = std::make_unique<Poll>(loop_, place.error_output.get(), [this, &place](int) { read_errors(place); });
  place.error_poll->want(Poll::readable);
  log::debug("hook.started", {{"hook", program.setup.name}, {"pid", std::to_string(place.pid)}});
  on_end_({program.setup.name, place.number}, std::move(started->socket));
}

void HookPrograms::ended(Place& place, const std::string& reason) {
  if (place.error_output.valid()) read_errors(place);
  place.error_poll.reset();
  place.error_output.reset();
  place.pid = 0;
  // Nobody says when a program is ready.
  const std::chrono::milliseconds lived{loop_.now() - place.born};
  const auto wait = place.backoff.next(lived, lived < settled ? Backoff::Died::before_ready : Backoff::Died::in_service);
  log::error("hook.ended", {{"hook", programs_[place.program].setup.name}, {"reason", reason}, {"restart_in_ms", std::to_string(wait.count())}});
  place.timer->start(wait, [this, &place] { start(place); });
}

void HookPrograms::end(Place& place) {
  place.timer->stop();
  place.error_poll.reset();
  place.error_output.reset();
  if (place.pid <= 0) return;
  kill(-place.pid, SIGKILL);
  leaving_.insert(std::exchange(place.pid, 0));
}

void HookPrograms::end_all() {
  for (auto& place : places_) end(*place);
  places_.clear();
}

void HookPrograms::failed(const wire::HookFailed& failed) {
  for (auto& place : places_) {
    if (place->pid <= 0 || place->number != failed.process) continue;
    log::warning("hook.failed", {{"hook", programs_[place->program].setup.name}, {"pid", std::to_string(place->pid)}, {"reason", failed.reason}});
    kill(-place->pid, SIGKILL);  // reap() starts it again
  }
}

void HookPrograms::reap() {
  std::erase_if(leaving_, [](pid_t pid) { return take_end(pid).has_value(); });
  for (auto& place : places_) {
    if (place->pid <= 0) continue;
    if (auto reason = take_end(place->pid)) ended(*place, *reason);
  }
}

// For whoever writes the program: its complaints stand in the log, so many of them.
void HookPrograms::read_errors(Place& place) {
  std::array<char, 4096> room;
  while (place.error_output.valid()) {
    const ssize_t n = read(place.error_output.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    const bool enough = n > 0 && (place.error_size += static_cast<std::size_t>(n)) > most_error_output;
    if (n > 0) place.error_text.append(room.data(), static_cast<std::size_t>(n));
    if (n <= 0 || enough) {
      place.error_poll.reset();
      place.error_output.reset();
    }
  }
  if (!place.error_output.valid() && !place.error_text.empty()) place.error_text += '\n';
  for (std::size_t end = place.error_text.find('\n'); end != std::string::npos; end = place.error_text.find('\n')) {
    log::warning("hook.said", {{"hook", programs_[place.program].setup.name}, {"text", printable(place.error_text.substr(0, end))}});
    place.error_text.erase(0, end + 1);
  }
}

}  // namespace tlspool::supervisor
