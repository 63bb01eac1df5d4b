// SPDX-License-Identifier: Apache-2.0
#include "supervisor/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace tlspool::supervisor {
namespace {

Error wrong(const std::string& path, std::string reason, uid_t owner) {
  return {Code::config, "state directory", path, std::move(reason),
          "it must be a directory of mode 0700 that belongs to the user with the number " + std::to_string(owner) + "; remove it, and it is made again"};
}

}  // namespace

Status ensure_state_directory(const std::string& path, const std::optional<RunAs>& user) {
  const uid_t owner = user ? user->uid : geteuid();
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return fail(system_error("mkdir", path, errno));
  // Root may be without the right to look into what is not its own.
  const UniqueFd directory{open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  struct stat info{};
  if (!directory.valid() || fstat(directory.get(), &info) != 0) return fail(wrong(path, system_error("open", path, errno).reason, owner));
  if (made && user && fchownat(directory.get(), "", user->uid, user->gid, AT_EMPTY_PATH) != 0) {
    Error e = system_error("chown", path, errno);
    e.advice = "make it with `install -d -m 700 -o " + std::to_string(user->uid) + " -g " + std::to_string(user->gid) + " " + path + "`";
    rmdir(path.c_str());
    return fail(std::move(e));
  }
  if (!made && info.st_uid != owner) return fail(wrong(path, "it belongs to the user with the number " + std::to_string(info.st_uid), owner));
  if (!made && (info.st_mode & 022) != 0) return fail(wrong(path, "others may write in it", owner));
  return {};
}

}  // namespace tlspool::supervisor
