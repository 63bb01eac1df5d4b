// SPDX-License-Identifier: Apache-2.0
#include "judge/small_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/durable.h"
#include "base/fd.h"
#include "base/log.h"

namespace tlspool::judge {

Result<Bytes> read_small_file(const std::string& path, std::size_t most) {
  // Non-blocking: a FIFO in place of a file must hold up nobody.
  const UniqueFd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info{};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return fail(system_error("read", path, errno));
  if (!S_ISREG(info.st_mode)) return fail({Code::config, "read", path, "it is no regular file", {}});
  if (info.st_size > static_cast<off_t>(most)) return fail({Code::invalid, "read", path, "it is larger than " + std::to_string(most) + " bytes", {}});
  Bytes out(static_cast<std::size_t>(info.st_size));
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t n = read(fd.get(), out.data() + size, out.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", path, errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  out.resize(size);
  return out;
}

void write_small_file(const std::string& path, ByteView content) {
  const auto slash = path.rfind('/');
  if (slash != std::string::npos) mkdir(path.substr(0, slash).c_str(), 0700);
  const auto done = replace_file(path, content, AfterCrash::anything);
  if (!done) log::warning("judge.not_kept", {{"problem", done.error().text()}});
}

}  // namespace tlspool::judge
