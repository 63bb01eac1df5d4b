// SPDX-License-Identifier: Apache-2.0
#include "cli/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "base/text.h"

namespace tlspool::cli {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

Made::~Made() {
  std::error_code ignored;  // there is nobody left to tell
  for (auto it = paths_.rbegin(); it != paths_.rend(); ++it) fs::remove_all(*it, ignored);
}

Status Made::directory(const std::string& path, mode_t mode) {
  const std::string parent = fs::path(path).parent_path().string();
  if (!parent.empty() && !exists(parent)) {
    if (auto made = directory(parent, 0755); !made) return made;
  }
  if (mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST && fs::is_directory(path)) return {};
    return fail(system_error("make directory", path, errno));
  }
  paths_.push_back(path);
  if (chmod(path.c_str(), mode) != 0) return fail(system_error("chmod", path, errno));  // whatever the umask says
  return {};
}

Status Made::file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string fresh = path + ".new";
  const UniqueFd fd{open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)};
  if (!fd.valid()) return fail(system_error("write", path, errno));
  int error = fchmod(fd.get(), mode) == 0 ? 0 : errno;
  while (error == 0 && !text.empty()) {
    const ssize_t n = write(fd.get(), text.data(), text.size());
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (error == 0 && fsync(fd.get()) != 0) error = errno;
  // link() refuses where the name is taken, which rename() would not.
  if (error == 0 && link(fresh.c_str(), path.c_str()) != 0) error = errno;
  unlink(fresh.c_str());
  if (error != 0) return fail(system_error("write", path, error));
  paths_.push_back(path);
  return {};
}

std::string state_file(const std::string& name) {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') return std::string(state) + "/tlspool/" + name;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* user = getpwuid(getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return std::string(home) + "/.local/state/tlspool/" + name;
}

Result<std::vector<Line>> read_lines(const std::string& path) {
  std::vector<Line> out;
  if (!exists(path)) return out;
  std::ifstream file(path);
  if (!file) return fail(system_error("read", path, errno));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.front() != '#') out.push_back({number, split(line, ' ')});
  }
  return out;
}

Status append_line(const std::string& path, const std::string& line) {
  Made made;
  if (auto done = made.directory(fs::path(path).parent_path().string(), 0700); !done) return done;
  made.keep();
  const UniqueFd fd{open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!fd.valid() || flock(fd.get(), LOCK_EX) != 0) return fail(system_error("write", path, errno));
  // Somebody may have edited it, and left the last line without its end.
  char last = '\n';
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  if (size < 0 || (size > 0 && pread(fd.get(), &last, 1, size - 1) != 1)) return fail(system_error("read", path, errno));
  const std::string text = (last == '\n' ? "" : "\n") + line + "\n";
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || fsync(fd.get()) != 0) {
    return fail(system_error("write", path, errno));
  }
  return {};
}

}  // namespace tlspool::cli
