// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include <sys/types.h>

#include "base/error.h"
#include "base/fd.h"
#include "config/paths.h"

namespace tlspool::supervisor {

// What systemd is told (sd_notify); each does nothing where nobody asked to be told.
void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
/// Another process is the service's main one from now on.
void notify_successor(pid_t pid);

/// A listening socket and, where this process made it, the file to remove at the end.
struct Listener {
  UniqueFd socket;
  std::string file;  ///< empty: systemd's
};
/// At the end of a name in LISTEN_FDNAMES: the process before this one made the socket, and this one removes its file.
inline constexpr const char* made_suffix = "-made";
struct Listeners {
  Listener programs;
  Listener admin;
};

/// The two sockets: by socket activation (descriptors named "pool" and "admin"), else made below
/// paths.run, which is made too where it is missing.
[[nodiscard]] Result<Listeners> open_listeners(const config::Paths& paths);
/// Removes the files of the sockets that this process made.
void remove_sockets(const Listeners& listeners);

}  // namespace tlspool::supervisor
