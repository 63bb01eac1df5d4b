// SPDX-License-Identifier: Apache-2.0
#include "supervisor/successor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

void forget_signals() {
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGPIPE}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Descriptors as the new one finds them: the listening sockets from 3 on, then the pair's end.
Status arrange(const std::vector<int>& from) {
  std::vector<int> safe;
  for (const int fd : from) {
    safe.push_back(fcntl(fd, F_DUPFD_CLOEXEC, 64));
    if (safe.back() < 0) return fail(system_error("fcntl", "F_DUPFD", errno));
  }
  for (std::size_t i = 0; i < safe.size(); ++i) {
    if (dup2(safe[i], SD_LISTEN_FDS_START + static_cast<int>(i)) < 0) return fail(system_error("dup2", "", errno));
  }
  if (close_range(static_cast<unsigned>(SD_LISTEN_FDS_START) + static_cast<unsigned>(safe.size()), UINT_MAX, 0) != 0) {
    return fail(system_error("close_range", "", errno));
  }
  return {};
}

[[noreturn]] void become_successor(const std::string& program, std::vector<std::string> arguments, const std::vector<int>& descriptors,
                                   const std::string& names) {
  forget_signals();
  if (auto done = arrange(descriptors); done) {
    // The parent has one thread, and this is its copy: setenv is safe here.
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", std::to_string(descriptors.size() - 1).c_str(), 1);
    setenv("LISTEN_FDNAMES", names.c_str(), 1);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
  }
  // The pair's end is where the reason is looked for.
  const std::string text = std::string(Relay::failed) + " " + system_error("exec", program, errno).text();
  (void)::send(SD_LISTEN_FDS_START + static_cast<int>(descriptors.size()) - 1, text.data(), text.size(), MSG_NOSIGNAL);
  _exit(127);
}

}  // namespace

Relay::Relay(Loop& loop, UniqueFd socket, OnMessage on_message, std::function<void()> on_closed)
    : socket_(std::move(socket)), on_message_(std::move(on_message)), on_closed_(std::move(on_closed)),
      poll_(loop, socket_.get(), [this](int events) {
        if ((events & Poll::writable) != 0) (void)flush();
        if ((events & Poll::readable) != 0) read();
      }) {
  poll_.want(Poll::readable);
}

bool Relay::send(std::string_view word, std::string_view rest, UniqueFd descriptor) {
  if (ended_ || waiting_.size() >= most_waiting) return false;
  std::string text(word);
  if (!rest.empty()) text.append(" ").append(rest.substr(0, longest - word.size() - 1));
  waiting_.push_back({std::move(text), std::move(descriptor)});
  return flush();
}

bool Relay::flush() {
  while (!waiting_.empty()) {
    const Waiting& first = waiting_.front();
    const std::array<int, 1> one{first.descriptor.get()};
    const auto sent = transmit(socket_.get(), view(first.text), first.descriptor.valid() ? std::span<const int>(one) : std::span<const int>{}, MSG_DONTWAIT);
    if (!sent) {
      waiting_.clear();  // reading finds the end
      return false;
    }
    if (!sent->has_value()) break;
    waiting_.pop_front();
  }
  poll_.want(ended_ ? Poll::none : waiting_.empty() ? Poll::readable : Poll::readable | Poll::writable);
  return true;
}

void Relay::read() {
  std::array<std::uint8_t, Relay::longest> room;
  auto came = receive(socket_.get(), room, MSG_DONTWAIT);
  // Who ends without having read everything leaves an error, in front of what it had sent.
  if (!came) came = receive(socket_.get(), room, MSG_DONTWAIT);
  if (came && !came->has_value()) return;
  if (!came || (*came)->size == 0) {
    ended_ = true;
    poll_.want(Poll::none);
    const auto on_closed = on_closed_;
    return on_closed();
  }
  const std::string text(reinterpret_cast<const char*>(room.data()), (*came)->size);
  const auto space = text.find(' ');
  const auto on_message = on_message_;
  on_message(text.substr(0, space), space == std::string::npos ? std::string{} : text.substr(space + 1), std::move((*came)->descriptors));
}

Result<Successor> start_successor(const std::string& program, const std::vector<std::string>& arguments, const std::vector<Handed>& sockets) {
  auto pair = socket_pair(SOCK_SEQPACKET, true);
  if (!pair) return fail(std::move(pair.error()));
  std::vector<int> descriptors;
  std::string names;
  for (const Handed& one : sockets) {
    descriptors.push_back(one.socket);
    names += (names.empty() ? "" : ":") + one.name;
  }
  descriptors.push_back(pair->second.get());
  std::vector<std::string> all = arguments;
  all.insert(all.end(), {"--takeover", std::to_string(SD_LISTEN_FDS_START + static_cast<int>(descriptors.size()) - 1)});
  sigset_t every;
  sigset_t old;
  sigfillset(&every);
  sigprocmask(SIG_SETMASK, &every, &old);
  const pid_t pid = fork();
  if (pid == 0) become_successor(program, std::move(all), descriptors, names);
  const int trouble = errno;
  sigprocmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) return fail(system_error("fork", program, trouble));
  return Successor{pid, std::move(pair->first)};
}

}  // namespace tlspool::supervisor
