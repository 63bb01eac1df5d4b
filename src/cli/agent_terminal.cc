// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "cli/agent.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_line = 200;

class Terminal : public AgentPerson {
 public:
  Terminal(Loop& loop, UniqueFd fd, std::function<void()> on_end)
      : fd_(std::move(fd)), on_end_(std::move(on_end)), poll_(loop, fd_.get(), [this](int) { read_line(); }) {
    poll_.want(Poll::readable);
  }

  void ask(const AgentQuestion& question, OnAnswer on_answer) override {
    on_answer_ = std::move(on_answer);
    may_remember_ = question.may_be_remembered();
    line_.clear();
    tcflush(fd_.get(), TCIFLUSH);  // what was typed before is no answer to this
    const std::string remote = question.remote.empty() ? "the peer" : printable(question.remote);
    say(fmt::format("\n{}{} {}.\n", printable(question.program()),
                    question.service.empty() ? "" : " (" + printable(question.service) + ")",
                    question.proved ? "is connected to " + remote + ", which proved that name"
                                    : "wants to reach " + remote + ", which has proved nothing yet"));
    prompt_ = fmt::format("Show {} to {}? {}: ", printable(question.local), remote,
                          may_remember_ ? "[y]es, for this [s]ession, [a]lways, [n]o, ne[v]er" : "[y]es, [n]o");
    say(prompt_);
  }

  void withdraw() override {
    on_answer_ = nullptr;
    say("\nToo late: the connection no longer waits.\n");
  }

 private:
  void say(const std::string& text) {
    if (write(fd_.get(), text.data(), text.size()) < 0) on_end_();
  }

  void read_line() {
    std::array<char, 256> buffer;
    const ssize_t n = read(fd_.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) {
      poll_.want(Poll::none);
      return on_end_();
    }
    if (n == 0) return answered("n");  // Ctrl-D
    for (ssize_t i = 0; i < n; ++i) {
      const char c = buffer[static_cast<std::size_t>(i)];
      if (c == '\n' || c == '\r') return answered(std::exchange(line_, {}));
      if (line_.size() < longest_line) line_ += c;
    }
  }

  void answered(const std::string& line) {
    if (!on_answer_) return;
    const std::string word = lower(line);
    const auto is = [&](std::string_view letter, std::string_view whole) { return word == letter || word == whole; };
    std::optional<AgentAnswer> answer;
    if (is("y", "yes")) answer = AgentAnswer::once;
    if (is("n", "no") || word.empty()) answer = AgentAnswer::not_now;
    if (may_remember_ && is("s", "session")) answer = AgentAnswer::session;
    if (may_remember_ && is("a", "always")) answer = AgentAnswer::always;
    if (may_remember_ && is("v", "never")) answer = AgentAnswer::never;
    if (!answer) return say(prompt_);
    const OnAnswer on_answer = std::exchange(on_answer_, nullptr);
    on_answer(*answer);
  }

  UniqueFd fd_;
  std::function<void()> on_end_;
  Poll poll_;
  OnAnswer on_answer_;
  bool may_remember_ = false;
  std::string prompt_;
  std::string line_;
};

}  // namespace

Result<std::unique_ptr<AgentPerson>> person_at_terminal(Loop& loop, std::function<void()> on_end) {
  UniqueFd fd{open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!fd.valid()) {
    Error e = system_error("open", "/dev/tty", errno);
    e.advice = "let it run on a terminal, or name a program that asks, by --program";
    return fail(std::move(e));
  }
  return std::make_unique<Terminal>(loop, std::move(fd), std::move(on_end));
}

std::string AgentQuestion::program() const {
  std::error_code failed;
  const auto path = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", failed);
  return (failed ? "A program" : path.filename().string()) + " (pid " + std::to_string(pid) + ")";
}

AgentQuestion AgentQuestion::read(const wire::Value& v, int worker) {
  return {v.text("id"),        v.text("localIdentity"), v.text("remoteIdentity"), v.text("service"),        v.text("rule"),
          v.text("role"),      v.flag("proved"),        v.number("pid", 0),       v.number("patienceMs", 0), worker};
}

}  // namespace tlspool::cli
