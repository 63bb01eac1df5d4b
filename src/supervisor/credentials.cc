// SPDX-License-Identifier: Apache-2.0
#include "supervisor/credentials.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"

namespace tlspool::supervisor {
namespace {
constexpr int first_descriptor = 5;
constexpr std::size_t longest = 1 << 20;  // systemd's own limit
}  // namespace

Result<Credentials> find_credentials() {
  Credentials out;
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || geteuid() != 0) return out;
  out.directory = directory;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(out.directory, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    out.names.push_back(entry->path().filename().string());
  }
  if (failed) return fail(system_error("read directory", out.directory, failed.value()));
  std::sort(out.names.begin(), out.names.end());
  return out;
}

std::string keeper_credential(const Credentials& credentials, const std::string& name) {
  const auto found = std::find(credentials.names.begin(), credentials.names.end(), name);
  if (found == credentials.names.end()) return name;
  return std::to_string(first_descriptor + (found - credentials.names.begin()));
}

Status hand_over(const Credentials& credentials) {
  if (credentials.directory.empty()) return {};
  for (std::size_t i = 0; i < credentials.names.size(); ++i) {
    const std::string path = credentials.directory + "/" + credentials.names[i];
    const int memory = memfd_create("credential", 0);
    if (memory != first_descriptor + static_cast<int>(i)) return fail(system_error("memfd_create", path, errno));
    const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.valid()) return fail(system_error("open", path, errno));
    // The kernel copies; the PIN is never in this process's own memory.
    if (sendfile(memory, file.get(), nullptr, longest) < 0) return fail(system_error("sendfile", path, errno));
  }
  // The parent has one thread, and this is its copy: setenv is safe here.
  if (setenv("CREDENTIALS_DIRECTORY", "/proc/self/fd", 1) != 0) return fail(system_error("setenv", "", errno));
  return {};
}

}  // namespace tlspool::supervisor
