// SPDX-License-Identifier: Apache-2.0
#include "supervisor/outside.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

Status pass_credentials(int socket, int on) {
  if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0) return {};
  return fail(system_error("setsockopt", "SO_PASSCRED", errno));
}

}  // namespace

Result<UniqueFd> ask_for_process(const std::string& socket) {
  auto out = connect_unix(socket);
  if (!out) {
    out.error().advice = "start the socket units of the pool: systemctl start tlspool.service";
    return out;
  }
  if (auto done = pass_credentials(out->get(), 1); !done) return fail(std::move(done.error()));
  if (fcntl(out->get(), F_SETFL, O_NONBLOCK) != 0) return fail(system_error("fcntl", socket, errno));
  return out;
}

Result<std::optional<pid_t>> take_greeting(int channel) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  const ssize_t n = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<pid_t>{};
  if (n < 0) return fail(system_error("recvmsg", "greeting", errno));
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (n == 0 || header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) {
    return fail({Code::closed, "start", "", "its unit did not start it", "see systemctl status 'tlspool-*'"});
  }
  ucred who{};
  std::copy_n(CMSG_DATA(header), sizeof who, reinterpret_cast<unsigned char*>(&who));
  if (auto done = pass_credentials(channel, 0); !done) return fail(std::move(done.error()));
  return std::optional{who.pid};
}

Status greet(int channel) {
  constexpr char byte = 0;
  if (send(channel, &byte, 1, MSG_NOSIGNAL) == 1) return {};
  return fail(system_error("send", "greeting", errno));
}

Result<UniqueFd> open_process(pid_t pid) {
  UniqueFd out{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
  if (!out.valid()) return fail(system_error("pidfd_open", std::to_string(pid), errno));
  return out;
}

void signal_process(int process, int number) { (void)syscall(SYS_pidfd_send_signal, process, number, nullptr, 0); }

}  // namespace tlspool::supervisor
