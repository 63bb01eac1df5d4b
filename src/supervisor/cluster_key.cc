// SPDX-License-Identifier: Apache-2.0
#include "supervisor/cluster_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "authz/cluster_key.h"
#include "base/fd.h"

namespace tlspool::supervisor {
namespace {

tl::unexpected<Error> refuse(const std::string& path, std::string reason, std::string advice) {
  return fail({Code::config, "cluster key", path, std::move(reason), std::move(advice)});
}

}  // namespace

Result<ClusterKeys> read_cluster_keys(const std::string& path) {
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat info{};
  if (!file.valid() || fstat(file.get(), &info) != 0) {
    const bool link = errno == ELOOP;
    return refuse(path, link ? "is a symbolic link" : system_error("open", "", errno).reason,
                  "[cache] key_file must name a file that `openssl rand -hex -out FILE 32` has made, with mode 0600");
  }
  if (!S_ISREG(info.st_mode)) return refuse(path, "is no regular file", "[cache] key_file must name one");
  if (info.st_uid != geteuid()) {
    return refuse(path, "belongs to the user with the number " + std::to_string(info.st_uid),
                  "chown it to the user with the number " + std::to_string(geteuid()) + ", who runs the supervisor");
  }
  if ((info.st_mode & 077) != 0) return refuse(path, "others than its owner may read or write it", "chmod 600 " + path);
  Secret content{authz::most_cluster_key + 1};
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t n = read(file.get(), content.writable().data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read cluster key", path, errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  const auto key = authz::read_cluster_key(content.bytes().first(size), path);
  if (!key) return fail(key.error());
  auto outcomes = authz::derive_key(key->bytes(), authz::outcome_purpose);
  auto tickets = authz::derive_key(key->bytes(), authz::ticket_purpose);
  if (!outcomes) return fail(std::move(outcomes.error()));
  if (!tickets) return fail(std::move(tickets.error()));
  return ClusterKeys{std::move(*outcomes), std::move(*tickets)};
}

}  // namespace tlspool::supervisor
