// SPDX-License-Identifier: Apache-2.0
#include "supervisor/upgrade.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/text.h"
#include "supervisor/process.h"

namespace tlspool::supervisor {

void Upgrade::begin(const std::vector<Handed>& sockets, Events events) {
  if (under_way() || taken_) {
    return events.ended(fail({Code::busy, "upgrade", program_, taken_ ? "another process has taken over" : "an upgrade is under way", {}}));
  }
  auto started = start_successor(program_, arguments_, sockets);
  if (!started) return events.ended(fail(std::move(started.error())));
  events_ = std::move(events);
  pid_ = started->pid;
  reason_.clear();
  relay_ = std::make_unique<Relay>(
      loop_, std::move(started->socket),
      [this](const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) { message(word, rest, std::move(descriptors)); },
      [this] { closed(); });
  timer_.start(deadline, [this] { fail_with("it was not ready in time"); });
}

void Upgrade::message(const std::string& word, const std::string& rest, std::vector<UniqueFd> descriptors) {
  if (taken_) return events_.said(word, rest, std::move(descriptors));
  if (word == Relay::failed) {
    reason_ = printable(rest, 2048);
    return fail_with(reason_);
  }
  if (word != Relay::ready) return;
  std::vector<std::string> without;
  for (const std::string& name : split(rest, ' ')) {
    if (!name.empty()) without.push_back(name);
  }
  events_.ready(without);
}

void Upgrade::closed() {
  if (taken_) return events_.gone();
  timer_.start(std::chrono::seconds(2), [this] { fail_with("it closed its connection"); });  // its end says more
}

void Upgrade::complete(std::uint32_t workers) {
  if (!under_way()) return;
  timer_.stop();
  taken_ = true;
  // systemd hears of this one's end before the new one speaks, and who wanted it when the new one can.
  events_.taken(pid_);
  relay_->send(Relay::serve, std::to_string(workers));
  events_.ended(pid_);
}

void Upgrade::reap() {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return;
  pid_ = 0;
  if (!taken_) fail_with(reason_.empty() ? "it ended: " + describe_end(status) : reason_);
}

void Upgrade::fail_with(std::string reason) {
  timer_.stop();
  relay_.reset();
  // reap() takes what is left of it.
  if (pid_ > 0) kill(pid_, SIGKILL);
  if (auto ended = std::exchange(events_.ended, nullptr)) {
    ended(fail({Code::invalid, "upgrade", program_, std::move(reason), "the pool goes on as it was"}));
  }
}

void Upgrade::refuse(const Error& why) {
  if (under_way()) fail_with(why.text());
}

void Upgrade::give_up(const std::string& why) {
  if (under_way()) fail_with(why);
}

}  // namespace tlspool::supervisor
