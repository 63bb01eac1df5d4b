// SPDX-License-Identifier: Apache-2.0
#include "supervisor/hook_process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "base/socket.h"
#include "supervisor/spawn.h"

namespace tlspool::supervisor {
namespace {

constexpr rlim_t most_files = 256;

Status limit(__rlimit_resource what, rlim_t most, const char* name) {
  const rlimit value{most, most};
  return setrlimit(what, &value) == 0 ? Status{} : fail(system_error("setrlimit", name, errno));
}

Status prepare(const StartHook& as, rlim_t tasks) {
  // Its own session: what it forks is in its group, no terminal reaches it, and all of it ends by one signal.
  if (setsid() < 0) return fail(system_error("setsid", "", errno));
  if (chdir("/") != 0) return fail(system_error("chdir", "/", errno));
  umask(077);
  if (auto done = as.user ? become(*as.user) : refuse_dumps(); !done) return done;
  if (auto done = limit(RLIMIT_NOFILE, most_files, "RLIMIT_NOFILE"); !done) return done;
  if (auto done = limit(RLIMIT_NPROC, tasks, "RLIMIT_NPROC"); !done) return done;
  return limit(RLIMIT_AS, rlim_t{as.memory} << 20, "RLIMIT_AS");
}

// A number behind a name in a file of the kernel, such as "Threads:\t4".
std::uint32_t number_behind(const std::string& line, std::size_t at) {
  std::uint32_t out = 0;
  at = line.find_first_of("0123456789", at);
  if (at != std::string::npos) std::from_chars(line.data() + at, line.data() + line.size(), out);
  return out;
}

std::uint32_t tasks_if_of(uid_t uid, const std::string& status_file) {
  std::ifstream in(status_file);
  bool own = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Uid:")) own = number_behind(line, 4) == uid;
    if (own && line.starts_with("Threads:")) return number_behind(line, 8);
  }
  return 0;
}

}  // namespace

std::uint32_t tasks_of(uid_t uid) {
  std::uint32_t out = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc", failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name[0] >= '1' && name[0] <= '9') out += tasks_if_of(uid, entry->path().string() + "/status");
  }
  return out;
}

Result<StartedHook> start_hook(const StartHook& as) {
  auto pair = socket_pair(SOCK_STREAM, false);
  if (!pair) return fail(std::move(pair.error()));
  int errors[2];
  if (pipe2(errors, O_CLOEXEC) != 0) return fail(system_error("pipe", "", errno));
  UniqueFd errors_in{errors[0]};
  const UniqueFd errors_out{errors[1]};
  // The process itself is one of them.
  const rlim_t tasks = rlim_t{tasks_of(as.user ? as.user->uid : getuid())} + 1 + as.processes;
  Spawn plan;
  plan.operation = "start the hook's program";
  plan.subject = as.program[0];
  plan.file = as.program[0];
  plan.arguments = as.program;
  plan.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8"};
  plan.descriptors = {pair->second.get(), pair->second.get(), errors_out.get()};
  plan.prepare = [&as, tasks] { return prepare(as, tasks); };
  const auto pid = spawn(plan);
  if (!pid) return fail(pid.error());
  fcntl(errors_in.get(), F_SETFL, fcntl(errors_in.get(), F_GETFL) | O_NONBLOCK);
  return StartedHook{*pid, std::move(pair->first), std::move(errors_in)};
}

}  // namespace tlspool::supervisor
