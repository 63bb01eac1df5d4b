// SPDX-License-Identifier: Apache-2.0
#include "base/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace tlspool {

Status sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
  const UniqueFd directory{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.valid()) return fail(system_error("open", folder, errno));
  if (fsync(directory.get()) != 0) return fail(system_error("fsync", folder, errno));
  return {};
}

Status replace_file(const std::string& path, ByteView content, AfterCrash after) {
  const std::string fresh = path + ".new";
  {
    const UniqueFd file{open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file.valid()) return fail(system_error("open", fresh, errno));
    while (!content.empty()) {
      const ssize_t n = write(file.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(system_error("write", fresh, errno));
      content = content.subspan(static_cast<std::size_t>(n));
    }
    if (after == AfterCrash::old_or_new && fsync(file.get()) != 0) return fail(system_error("fsync", fresh, errno));
  }
  if (rename(fresh.c_str(), path.c_str()) != 0) return fail(system_error("rename", path, errno));
  return after == AfterCrash::old_or_new ? sync_directory_of(path) : Status{};
}

Status write_new(const std::string& path, ByteView content, mode_t mode) {
  const UniqueFd file{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (!file.valid()) return fail(system_error("create", path, errno));
  if (write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) || fsync(file.get()) != 0) {
    const int number = errno;
    unlink(path.c_str());
    return fail(system_error("write", path, number));
  }
  return {};
}

Result<Bytes> read_whole(const std::string& path) {
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!file.valid()) {
    if (errno == ENOENT) return Bytes{};
    return fail(system_error("open", path, errno));
  }
  Bytes out;
  constexpr std::size_t chunk = 64 * 1024;
  while (true) {
    const std::size_t have = out.size();
    out.resize(have + chunk);
    const ssize_t n = read(file.get(), out.data() + have, chunk);
    out.resize(have + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", path, errno));
    if (n == 0) return out;
  }
}

}  // namespace tlspool
