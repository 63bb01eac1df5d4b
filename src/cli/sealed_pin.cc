// SPDX-License-Identifier: Apache-2.0
#include "cli/sealed_pin.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cli/files.h"

namespace tlspool::cli {
namespace {

constexpr int out_of_the_way = 10;  // the provisioner arranges the descriptors below

Status decrypt(const std::string& name, const std::string& path, int to) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
  const std::string option = "--name=" + name;
  const char* arguments[] = {"systemd-creds", "--newline=no", option.c_str(), "decrypt", path.c_str(), "-", nullptr};
  pid_t child = -1;
  const int rc = posix_spawnp(&child, arguments[0], &actions, nullptr, const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) return fail(system_error("systemd-creds decrypt", path, rc));
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return {};
  return fail({Code::io, "systemd-creds decrypt", path, "it failed; its own message stands above",
               "the credential can be opened on the machine that made it alone"});
}

}  // namespace

std::string sealed_credential(const std::string& name) {
  for (const char* directory : {"/etc/credstore.encrypted/", "/run/credstore.encrypted/", "/usr/lib/credstore.encrypted/"}) {
    if (exists(directory + name)) return directory + name;
  }
  return {};
}

Result<LentPins> lend_pins(std::vector<wire::TokenSetup>& tokens) {
  LentPins out;
  if (geteuid() != 0 || std::getenv("CREDENTIALS_DIRECTORY") != nullptr) return out;
  for (wire::TokenSetup& token : tokens) {
    const std::string path = token.pin_credential.empty() ? "" : sealed_credential(token.pin_credential);
    if (path.empty()) continue;
    const UniqueFd memory{memfd_create("credential", MFD_CLOEXEC)};
    UniqueFd file{memory.valid() ? fcntl(memory.get(), F_DUPFD, out_of_the_way) : -1};
    if (!file.valid()) return fail(system_error("memfd_create", path, errno));
    if (auto done = decrypt(token.pin_credential, path, file.get()); !done) return fail(std::move(done.error()));
    token.pin_credential = std::to_string(file.get());
    out.files.push_back(std::move(file));
  }
  if (!out.files.empty()) setenv("CREDENTIALS_DIRECTORY", "/proc/self/fd", 1);
  return out;
}

}  // namespace tlspool::cli
