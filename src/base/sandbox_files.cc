// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox_files.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.h"

namespace tlspool {
namespace {

constexpr std::uint64_t landlock_read =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t landlock_write =
    landlock_read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG;
// The first version's rights: handled everywhere, so that an older kernel gives the same walls.
constexpr std::uint64_t landlock_handled =
    landlock_write | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// Rights that came with later versions. The header of the distribution may be older than its kernel.
constexpr std::uint64_t landlock_truncate = 1U << 14;      // version 3
constexpr std::uint64_t landlock_bind_tcp = 1U << 0;       // version 4
constexpr std::uint64_t landlock_connect_tcp = 1U << 1;
constexpr std::uint64_t landlock_abstract_sockets = 1U << 0;  // version 6
constexpr std::uint64_t landlock_signals = 1U << 1;
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

// What the filter of system calls forbids already, or can't see: an outer wall where the kernel can build it.
Ruleset ruleset_for(Confinement confinement, long version) {
  Ruleset out{.files = landlock_handled};
  // A file that may only be read could else be opened and cut to nothing in one call.
  if (version >= 3) out.files |= landlock_truncate;
  const bool asks_network = confinement == Confinement::judge || confinement == Confinement::fetcher;
  if (version >= 4 && !asks_network) out.network = landlock_bind_tcp | landlock_connect_tcp;
  // Nobody signals anybody else, by fcntl() neither; daemons of smart cards, caches and services have paths.
  if (version >= 6) out.scoped = landlock_abstract_sockets | landlock_signals;
  return out;
}

std::size_t size_of_ruleset(long version) { return version >= 6 ? 24 : version >= 4 ? 16 : 8; }

Status allow_path(int ruleset, const std::string& path, std::uint64_t access) {
  UniqueFd fd{open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!fd.valid()) {
    if (errno == ENOENT) return {};  // What isn't there needs no door.
    return fail(system_error("landlock", path, errno));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) == 0 && !S_ISDIR(info.st_mode)) {
    access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | landlock_truncate;
  }
  const landlock_path_beneath_attr rule{access, fd.get()};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return fail(system_error("landlock_add_rule", path, errno));
  }
  return {};
}

}  // namespace

Status close_files(const SandboxRequest& request) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  const Ruleset attr = ruleset_for(request.confinement, version);
  UniqueFd ruleset{static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, size_of_ruleset(version), 0))};
  if (!ruleset.valid()) {
    Error e = system_error("landlock_create_ruleset", "", errno);
    e.advice = "the kernel needs Landlock (Linux 5.13 or later, lsm=landlock,...)";
    return fail(std::move(e));
  }
  for (const std::string& path : request.readable) {
    if (auto done = allow_path(ruleset.get(), path, landlock_read); !done) return done;
  }
  for (const std::string& path : request.writable) {
    if (auto done = allow_path(ruleset.get(), path, landlock_write | (attr.files & landlock_truncate)); !done) return done;
  }
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(system_error("landlock_restrict_self", "", errno));
  }
  return {};
}

}  // namespace tlspool
