// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/secret.h"
#include "base/socket.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_pin = 255;  // SoftHSM's own limit; smart cards take far less

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

/// One line, without its end.
Result<Secret> read_line(int fd) {
  Secret line(longest_pin + 2);
  std::size_t have = 0;
  while (have < line.size()) {
    const ssize_t n = read(fd, line.writable().data() + have, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", "PIN", errno));
    const std::uint8_t c = n == 0 ? '\n' : line.bytes()[have];
    if (c == 3) return fail({Code::invalid, "PIN", "", "interrupted", {}});  // Ctrl-C, as ISIG is off
    if (c == '\n' || c == '\r') break;
    ++have;
  }
  if (have == 0) return fail({Code::invalid, "PIN", "", "empty", "nothing was sent to the token"});
  if (have > longest_pin) {
    return fail({Code::invalid, "PIN", "", fmt::format("longer than {} bytes", longest_pin), {}});
  }
  line.shrink(have);
  return line;
}

Result<Secret> ask(const std::string& token) {
  if (isatty(STDIN_FILENO) == 0) return read_line(STDIN_FILENO);
  const UniqueFd terminal{open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
  if (!terminal.valid()) return fail(system_error("open", "/dev/tty", errno));
  const SilentTerminal silence(terminal.get());
  if (!silence.silent()) return fail(system_error("tcsetattr", "/dev/tty", errno));
  const std::string prompt = fmt::format("PIN of token {}: ", printable(token));
  if (write(terminal.get(), prompt.data(), prompt.size()) < 0) return fail(system_error("write", "/dev/tty", errno));
  auto line = read_line(terminal.get());
  if (write(terminal.get(), "\n", 1) < 0) return fail(system_error("write", "/dev/tty", errno));
  return line;
}

/// The token that the user most likely means.
Result<std::string> only_token(const config::Paths& paths) {
  const auto reply = call_admin(paths, "Status");
  if (!reply) return fail(reply.error());
  std::vector<std::string> waiting;
  std::vector<std::string> all;
  for (const wire::Value& token : elements(reply->parameters, "tokens")) {
    const std::string state = token.text("state");
    all.push_back(token.text("name"));
    if (state == "locked" || state == "pinRejected") waiting.push_back(token.text("name"));
  }
  if (waiting.size() == 1) return waiting.front();
  if (all.size() == 1) return all.front();
  std::string names;
  for (const std::string& name : waiting.empty() ? all : waiting) names += " " + name;
  return fail({Code::invalid, "token", "", "say which one:" + names, command_for(paths) + " pin TOKEN"});
}

Result<std::string> hand_over(int fd, const Secret& pin) {
  for (std::size_t at = 0; at < pin.size();) {
    auto sent = transmit(fd, pin.bytes().subspan(at), {});
    if (!sent) return fail(std::move(sent.error()));
    at += sent->value_or(0);
  }
  shutdown(fd, SHUT_WR);
  std::string answer;
  std::array<char, 512> chunk;
  while (answer.find('\n') == std::string::npos) {
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", "the keeper's answer", errno));
    if (n == 0) break;
    answer.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return answer.substr(0, answer.find('\n'));
}

}  // namespace

Status pin(const PinOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  std::string token = options.token;
  if (token.empty()) {
    auto found = only_token(*paths);
    if (!found) return fail(std::move(found.error()));
    token = std::move(*found);
  }
  auto entered = ask(token);
  if (!entered) return fail(std::move(entered.error()));
  auto reply = call_admin(*paths, "EnterPin", wire::Value::object().set("token", token));
  if (!reply) return fail(std::move(reply.error()));
  if (reply->descriptors.size() != 1) {
    return fail({Code::protocol, "EnterPin", "token=" + token, "no way to the keeper came back", {}});
  }
  const auto answer = hand_over(reply->descriptors.front().get(), *entered);
  if (!answer) return fail(answer.error());
  if (*answer != "ok") {
    return fail({Code::pin_rejected, "PIN", "", printable(*answer, 1024),
                 "every wrong one counts: a token locks itself after a few"});
  }
  print(fmt::format("token {} is ready\n", token));
  return {};
}

}  // namespace tlspool::cli
