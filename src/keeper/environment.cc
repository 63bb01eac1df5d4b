// SPDX-License-Identifier: Apache-2.0
#include "keeper/environment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "wire/log_setup.h"

namespace tlspool::keeper {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// A softhsm2.conf of the administrator's own says where its tokens are.
std::string token_folder(const std::string& configuration) {
  std::ifstream in(configuration);
  constexpr std::string_view key = "directories.tokendir";
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto from = line.find_first_not_of(" \t=", key.size());
    const auto to = line.find_last_not_of(" \t\r");
    if (from != std::string::npos) return line.substr(from, to - from + 1);
  }
  return {};
}

}  // namespace

void use_own_softhsm() {
  if (access("softhsm2.conf", R_OK) == 0) setenv("SOFTHSM2_CONF", "softhsm2.conf", 1);
}

void make_blocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

Status receive_log_setup(int channel) {
  auto frame = receive_frame(channel);
  if (!frame) return fail(std::move(frame.error()));
  if (frame->kind != wire::Kind::log_setup) {
    return fail({Code::protocol, "start", "log_setup", "another frame came first", {}});
  }
  return wire::start_log(std::move(*frame));
}

SandboxRequest keeper_sandbox(const wire::KeeperSetup& setup) {
  SandboxRequest out;
  out.confinement = Confinement::keeper;
  // Configuration of p11-kit, OpenSSL and the modules; libraries' data; randomness; what a process may know of itself.
  out.readable = {"/etc", "/usr/lib", "/usr/share", "/usr/local/lib", "/lib", "/dev/urandom", "/dev/random", "/proc/self"};
  // Readers of pcscd: its socket lies here, and modules look for it before they connect.
  out.readable.push_back("/run/pcscd");
  out.writable = {"."};
  for (const wire::TokenSetup& token : setup.tokens) {
    if (!token.module.empty()) out.readable.push_back(folder_of(token.module));
    const bool outside = !token.pin_file.empty() && !token.pin_file.starts_with(setup.directory + "/");
    if (outside && access(token.pin_file.c_str(), R_OK) == 0) out.readable.push_back(folder_of(token.pin_file));
  }
  if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY")) out.readable.emplace_back(credentials);
  std::string softhsm = "/var/lib/softhsm";  // the system's own tokens
  if (const char* configuration = std::getenv("SOFTHSM2_CONF")) {
    out.readable.push_back(folder_of(configuration));
    softhsm = token_folder(configuration);
  }
  if (!softhsm.empty() && access(softhsm.c_str(), R_OK | W_OK | X_OK) == 0) out.writable.push_back(softhsm);
  return out;
}

}  // namespace tlspool::keeper
