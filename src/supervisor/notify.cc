// SPDX-License-Identifier: Apache-2.0
#include "supervisor/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/socket.h"

namespace tlspool::supervisor {
namespace {

// The strings that sd_listen_fds_with_names() allocates.
struct Names {
  ~Names() {
    for (char** name = list; name != nullptr && *name != nullptr; ++name) std::free(*name);
    std::free(list);
  }
  char** list = nullptr;
};

Status take(Listener& listener, UniqueFd fd, const std::string& name) {
  if (sd_is_socket_unix(fd.get(), SOCK_STREAM, 1, nullptr, 0) <= 0) {
    return fail({Code::invalid, "socket activation", name, "not a listening Unix stream socket",
                 "correct the ListenStream= of tlspool.socket"});
  }
  // All workers wait on this one socket: accept() of those that come too late must not block.
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail(system_error("fcntl", name, errno));
  listener.socket = std::move(fd);
  return {};
}

Status take_activated(Listeners& out, const config::Paths& paths) {
  Names names;
  const int count = sd_listen_fds_with_names(1, &names.list);
  if (count < 0) return fail(system_error("sd_listen_fds", "", -count));
  for (int i = 0; i < count; ++i) {
    UniqueFd fd{SD_LISTEN_FDS_START + i};
    std::string name = names.list[i];
    const bool made = name.ends_with(made_suffix);
    if (made) name.erase(name.size() - std::string_view(made_suffix).size());
    Listener* wanted = name == "pool" ? &out.programs : name == "admin" ? &out.admin : nullptr;
    if (wanted == nullptr) {
      return fail({Code::invalid, "socket activation", name, "unknown FileDescriptorName=", "use \"pool\" and \"admin\""});
    }
    if (auto done = take(*wanted, std::move(fd), name); !done) return done;
    if (made) wanted->file = wanted == &out.programs ? paths.programs_socket() : paths.admin_socket();
  }
  return {};
}

Status make(Listener& listener, const std::string& path, mode_t mode) {
  if (listener.socket.valid()) return {};
  auto socket = listen_unix(path, mode);
  if (!socket) return fail(std::move(socket.error()));
  listener = {std::move(*socket), path};
  return {};
}

}  // namespace

void notify_ready(const std::string& status) { (void)sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long long us = now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
  (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration again", us);
}

void notify_successor(pid_t pid) { (void)sd_notifyf(0, "MAINPID=%ld", static_cast<long>(pid)); }

void notify_stopping() { (void)sd_notify(0, "STOPPING=1\nSTATUS=Ending sessions"); }

Result<Listeners> open_listeners(const config::Paths& paths) {
  Listeners out;
  if (auto done = take_activated(out, paths); !done) return fail(std::move(done.error()));
  if (!out.programs.socket.valid() || !out.admin.socket.valid()) {
    if (mkdir(paths.run.c_str(), 0755) != 0 && errno != EEXIST) return fail(system_error("mkdir", paths.run, errno));
  }
  // Anybody may connect; the rules decide what he may do.
  if (auto done = make(out.programs, paths.programs_socket(), 0666); !done) return fail(std::move(done.error()));
  if (auto done = make(out.admin, paths.admin_socket(), 0600); !done) {
    remove_sockets(out);
    return fail(std::move(done.error()));
  }
  return out;
}

void remove_sockets(const Listeners& listeners) {
  for (const Listener* listener : {&listeners.programs, &listeners.admin}) {
    if (!listener->file.empty()) unlink(listener->file.c_str());
  }
}

}  // namespace tlspool::supervisor
