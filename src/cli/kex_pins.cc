// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pins.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

std::string state_directory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') return state;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* user = getpwuid(getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return std::string(home) + "/.local/state";
}

constexpr std::size_t digest_digits = 64;

}  // namespace

KexPins KexPins::standard() { return KexPins(state_directory() + "/tlspool/kex-pins"); }

Result<std::optional<KexPin>> KexPins::find(const std::string& name) const {
  std::optional<KexPin> found;
  if (!exists(path_)) return found;
  std::ifstream file(path_);
  if (!file) return fail(system_error("read", path_, errno));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const auto words = split(line, ' ');
    const auto digest = words.size() == 3 ? unhex(words[1]) : std::nullopt;
    if (!digest || words[1].size() != digest_digits) {
      return fail({Code::config, "read pins", path_ + ":" + std::to_string(number), "it is no line NAME DIGEST DATE", "mend or remove it"});
    }
    if (words[0] == name) found = KexPin{words[1], number};
  }
  return found;
}

Status KexPins::add(const std::string& name, const std::string& digest) const {
  const std::filesystem::path path(path_);
  Made made;
  if (auto done = made.directory(path.parent_path().string(), 0700); !done) return done;
  made.keep();
  const UniqueFd fd{open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd.valid() || flock(fd.get(), LOCK_EX) != 0) return fail(system_error("write", path_, errno));
  std::string date = timestamp(std::time(nullptr));
  date.resize(date.find(' '));
  // Somebody may have edited it, and left the last line without its end.
  char last = '\n';
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size < 0 || (size > 0 && pread(fd.get(), &last, 1, size - 1) != 1)) return fail(system_error("read", path_, errno));
  const std::string line = (last == '\n' ? "" : "\n") + name + " " + digest + " " + date + "\n";
  if (write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) || fsync(fd.get()) != 0) {
    return fail(system_error("write", path_, errno));
  }
  return {};
}

}  // namespace tlspool::cli
