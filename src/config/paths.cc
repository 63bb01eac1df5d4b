// SPDX-License-Identifier: Apache-2.0
#include "config/paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace tlspool::config {
namespace {

constexpr const char* system_directory = "/etc/tlspool";

Paths system_pool() { return {system_directory, "/var/lib/tlspool/keeper", "/run/tlspool", "/var/lib/tlspool/judge"}; }

Paths pool_in(const std::string& directory) { return {directory, directory + "/keeper", directory + "/run", directory + "/judge"}; }

bool exists(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<Paths> named(const std::string& directory) {
  std::error_code failed;
  auto absolute = std::filesystem::absolute(directory, failed).lexically_normal().string();
  if (failed) return fail({Code::io, "pool directory", directory, failed.message(), {}});
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute == system_directory ? system_pool() : pool_in(absolute);
}

Result<std::string> own_directory() {
  // The XDG base directory specification: a relative value is ignored.
  if (const auto data = environment("XDG_DATA_HOME"); data.starts_with('/')) return data + "/tlspool";
  std::string home = environment("HOME");
  if (home.empty()) {
    // The library calls this from any thread, so not getpwuid.
    passwd entry{};
    passwd* user = nullptr;
    std::array<char, 4096> room;
    if (getpwuid_r(geteuid(), &entry, room.data(), room.size(), &user) == 0 && user != nullptr) home = user->pw_dir;
  }
  if (!home.starts_with('/')) {
    return fail({Code::not_found, "pool directory", "", "you have no home directory", "name the pool with --pool DIR"});
  }
  return home + "/.local/share/tlspool";
}

}  // namespace

Result<Paths> find_pool(const std::string& option) {
  if (!option.empty()) return named(option);
  if (const auto directory = environment("TLSPOOL_DIR"); !directory.empty()) return named(directory);
  if (geteuid() == 0) return system_pool();
  auto own = own_directory();
  if (!own) return fail(std::move(own.error()));
  if (!exists(pool_in(*own).file()) && exists(system_pool().programs_socket())) return system_pool();
  return named(*own);
}

}  // namespace tlspool::config
