// SPDX-License-Identifier: Apache-2.0
#include "cli/conversation.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/text.h"

namespace tlspool::cli {
namespace {

constexpr int pause_ms = 400;
constexpr char ctrl_c = 3;
constexpr char ctrl_d = 4;

tl::unexpected<Error> left() { return fail({Code::closed, "terminal", "", "you have left the dialogue", {}}); }

// Everything that is shown comes before the question.
void prompt_for(const std::string& prompt) {
  std::fflush(stdout);
  std::fputs(prompt.c_str(), stderr);
}

// Empty: the terminal is closed, or the user pressed Ctrl-D.
Result<std::string> some_input() {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n > 0) return std::string(buffer.data(), static_cast<std::size_t>(n));
    if (n == 0 || errno == EIO) return std::string{};
    if (errno != EINTR) return fail(system_error("read", "terminal", errno));
  }
}

bool more_comes() {
  pollfd waiting{STDIN_FILENO, POLLIN, 0};
  return poll(&waiting, 1, pause_ms) > 0;
}

/// Bytes as they come while it lives: the terminal's line editing cuts lines at 4095. Interrupting keys are bytes as well, so that the
/// terminal is never left like this.
class Unedited {
 public:
  Unedited() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
  }
  ~Unedited() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unedited(const Unedited&) = delete;
  Unedited& operator=(const Unedited&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

Result<std::string> ask_line(const std::string& prompt) {
  tcflush(STDIN_FILENO, TCIFLUSH);
  prompt_for(prompt);
  auto line = some_input();
  if (!line) return line;
  if (line->empty()) return left();
  line->resize(std::min(line->find('\n'), line->size()));
  const std::size_t first = line->find_first_not_of(" \t\r");
  if (first == std::string::npos) return std::string{};
  return line->substr(first, line->find_last_not_of(" \t\r") - first + 1);
}

Result<bool> ask_yes(const std::string& prompt) {
  while (true) {
    const auto line = ask_line(prompt + " [yes/no] ");
    if (!line) return fail(line.error());
    if (lower(*line) == "yes") return true;
    if (lower(*line) == "no") return false;
  }
}

Result<std::string> ask_paste(const std::string& prompt, std::size_t longest, const std::function<bool(const std::string&)>& whole) {
  const Unedited terminal;
  prompt_for(prompt);
  std::string text;
  while (text.size() <= longest) {
    const auto bytes = some_input();
    if (!bytes) return bytes;
    if (bytes->empty() || bytes->find(ctrl_c) != std::string::npos) return left();
    text += *bytes;
    if (const std::size_t end = text.find(ctrl_d); end != std::string::npos) {
      text.resize(end);
      if (text.empty()) return left();
      break;
    }
    if (!more_comes() && whole(text)) break;
  }
  prompt_for("\n");
  return text;
}

}  // namespace tlspool::cli
