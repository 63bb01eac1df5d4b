// SPDX-License-Identifier: Apache-2.0
#include "client/connections.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

namespace tlspool::client {
namespace {

constexpr std::size_t max_idle = 16;

struct Owner {
  pid_t pid = getpid();
  uid_t uid = geteuid();
  gid_t gid = getegid();
  bool operator==(const Owner&) const = default;
};

struct Idle {
  std::string socket;
  Owner owner;
  ino_t inode = 0;
  UniqueFd connection;
};

struct Cache {
  std::mutex mutex;
  std::vector<Idle> idle;
};

/// Never destroyed: other libraries' exit handlers may still call us.
Cache& cache() {
  static Cache* const instance = [] {
    auto* made = new Cache;
    // A fork must not leave the child with a mutex that a thread of the parent holds.
    pthread_atfork([] { cache().mutex.lock(); }, [] { cache().mutex.unlock(); }, [] { cache().mutex.unlock(); });
    return made;
  }();
  return *instance;
}

/// 0 where it is no socket.
ino_t socket_inode(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

bool quiet(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::optional<Idle> pop(const std::string& socket) {
  const Owner owner;
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  const auto found = std::find_if(c.idle.rbegin(), c.idle.rend(),
                                  [&](const Idle& i) { return i.owner == owner && i.socket == socket; });
  if (found == c.idle.rend()) return std::nullopt;
  Idle taken = std::move(*found);
  c.idle.erase(std::next(found).base());
  return taken;
}

}  // namespace

std::optional<UniqueFd> take_idle(const std::string& socket) {
  while (auto idle = pop(socket)) {
    if (socket_inode(idle->connection.get()) != idle->inode) {
      // The program closed all its descriptors at some time; the number is somebody else's now.
      (void)idle->connection.release();
    } else if (quiet(idle->connection.get())) {
      return std::move(idle->connection);
    }
  }
  return std::nullopt;
}

void keep_idle(const std::string& socket, UniqueFd connection) {
  Idle idle{socket, Owner{}, socket_inode(connection.get()), std::move(connection)};
  if (idle.inode == 0) return;
  Idle oldest;  // closed outside the lock
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  if (c.idle.size() == max_idle) {
    oldest = std::move(c.idle.front());
    c.idle.erase(c.idle.begin());
    if (socket_inode(oldest.connection.get()) != oldest.inode) (void)oldest.connection.release();
  }
  c.idle.push_back(std::move(idle));
}

}  // namespace tlspool::client
