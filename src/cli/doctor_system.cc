// SPDX-License-Identifier: Apache-2.0
// What the machine gives: Landlock, limits, directories and who owns them.
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/doctor.h"
#include "cli/files.h"
#include "cli/sealed_pin.h"
#include "cli/users.h"

namespace tlspool::cli {
namespace {

constexpr rlim_t least_memlock = 64 * 1024;  // PINs, ticket keys and what OpenSSL locks
constexpr rlim_t least_files = 4096;
constexpr mode_t others_write = S_IWGRP | S_IWOTH;

std::string octal(mode_t mode) { return fmt::format("{:04o}", mode & 07777); }

void check_landlock(Findings& findings) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version >= 1) return findings.ok("Landlock", fmt::format("version {}", version));
  findings.problem("Landlock", {Code::io, "landlock_create_ruleset", "", std::strerror(errno),
                                "tlspoold confines its processes with it: a kernel of 5.13 or later with landlock "
                                "in /sys/kernel/security/lsm is needed"});
}

void check_limit(Findings& findings, const char* name, int which, rlim_t least, const std::string& advice) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(which), &limit) != 0) return;
  if (limit.rlim_max >= least) {
    return findings.ok(name, limit.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_max));
  }
  findings.problem(name, {Code::busy, "getrlimit", "", fmt::format("{}, less than {}", limit.rlim_max, least), advice});
}

/// Says what is wrong with one path, or nothing.
struct Wanted {
  mode_t never = 0;         ///< bits that must not be set
  const uid_t* owner = nullptr;
};

bool check_path(Findings& findings, const std::string& what, const std::string& path, const Wanted& wanted) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    findings.problem(what, system_error("stat", path, errno));
    return false;
  }
  if ((info.st_mode & wanted.never) != 0) {
    findings.problem(what, {Code::denied, "permissions", path, octal(info.st_mode) + " lets others in",
                            fmt::format("chmod {} {}", octal(info.st_mode & ~wanted.never), path)});
    return false;
  }
  if (wanted.owner != nullptr && info.st_uid != *wanted.owner) {
    findings.problem(what, {Code::denied, "owner", path, fmt::format("uid {}, not {}", info.st_uid, *wanted.owner),
                            fmt::format("chown {} {}", *wanted.owner, path)});
    return false;
  }
  return true;
}

void check_pin_file(Findings& findings, const wire::TokenSetup& token, uid_t owner) {
  if (token.pin_file.empty()) return;
  const std::string sealed = exists(token.pin_file) || token.pin_credential.empty() ? "" : sealed_credential(token.pin_credential);
  if (!sealed.empty()) return findings.ok("PIN of token " + token.name, sealed);
  const std::string what = "PIN file of token " + token.name;
  if (check_path(findings, what, token.pin_file, {S_IRWXG | S_IRWXO, &owner})) findings.ok(what, token.pin_file);
}

}  // namespace

void check_system(Findings& findings) {
  check_landlock(findings);
  check_limit(findings, "locked memory (RLIMIT_MEMLOCK)", RLIMIT_MEMLOCK, least_memlock,
              "raise it: LimitMEMLOCK= in the unit, or `ulimit -l`");
  check_limit(findings, "open files (RLIMIT_NOFILE)", RLIMIT_NOFILE, least_files,
              "raise it: LimitNOFILE= in the unit, or `ulimit -Hn`; a session holds two");
}

void check_directories(Findings& findings, const config::Paths& paths, const config::Config* config) {
  if (check_path(findings, "pool directory", paths.directory, {others_write, nullptr}) &&
      check_path(findings, "configuration file", paths.file(), {others_write, nullptr}) &&
      check_path(findings, "identities", paths.identities(), {others_write, nullptr})) {
    findings.ok("permissions", paths.directory);
  }
  struct stat pool {};
  if (stat(paths.directory.c_str(), &pool) != 0) return;
  uid_t owner = pool.st_uid;
  if (owner == 0 && config != nullptr) {
    const auto keeper = find_user(config->users.keeper);
    if (!keeper) return findings.problem("keeper's user", keeper.error());
    owner = keeper->uid;
  }
  if (!check_path(findings, "keeper's directory", paths.keeper, {S_IRWXG | S_IRWXO, &owner})) return;
  findings.ok("keeper's directory", paths.keeper);
  if (config == nullptr) return;
  if (geteuid() != 0 && geteuid() != owner) {
    return findings.skipped("PIN files", "only root and the pool's owner can look at them");
  }
  for (const wire::TokenSetup& token : config->tokens) check_pin_file(findings, token, owner);
}

}  // namespace tlspool::cli
