// SPDX-License-Identifier: Apache-2.0
#include "cli/ask.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace tlspool::cli {
namespace {

/// No echo while it lives. Interrupting keys are off with it, so that the terminal is never left silent.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd) {
    if (tcgetattr(fd, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    changed_ = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  ~SilentTerminal() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  [[nodiscard]] bool silent() const { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_ = false;
};

tl::unexpected<Error> too_long(const std::string& what, std::size_t longest) {
  return fail({Code::invalid, what, "", "longer than " + std::to_string(longest) + " bytes", {}});
}

Result<Secret> read_line(int fd, const Question& question) {
  Secret line(question.longest + 2);
  std::size_t have = 0;
  while (have < line.size()) {
    const ssize_t n = read(fd, line.writable().data() + have, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", question.what, errno));
    const std::uint8_t c = n == 0 ? '\n' : line.bytes()[have];
    if (c == 3) return fail({Code::invalid, question.what, "", "interrupted", {}});  // Ctrl-C, as ISIG is off
    if (c == '\n' || c == '\r') break;
    ++have;
  }
  if (have == 0) return fail({Code::invalid, question.what, "", "empty", question.if_empty});
  if (have > question.longest) return too_long(question.what, question.longest);
  line.shrink(have);
  return line;
}

}  // namespace

bool asks_a_person() { return isatty(STDIN_FILENO) != 0; }

Result<Secret> ask_secret(const Question& question) {
  if (!asks_a_person()) return read_line(STDIN_FILENO, question);
  const UniqueFd terminal{open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
  if (!terminal.valid()) return fail(system_error("open", "/dev/tty", errno));
  const SilentTerminal silence(terminal.get());
  if (!silence.silent()) return fail(system_error("tcsetattr", "/dev/tty", errno));
  const std::string& prompt = question.prompt;
  if (write(terminal.get(), prompt.data(), prompt.size()) < 0) return fail(system_error("write", "/dev/tty", errno));
  auto line = read_line(terminal.get(), question);
  if (write(terminal.get(), "\n", 1) < 0) return fail(system_error("write", "/dev/tty", errno));
  return line;
}

Result<Secret> read_secret(const std::string& what, std::size_t longest) {
  Secret out(longest + 1);
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = read(STDIN_FILENO, out.writable().data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", what, errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (have > longest) return too_long(what, longest);
  out.shrink(have);
  return out;
}

}  // namespace tlspool::cli
