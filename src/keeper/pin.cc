// SPDX-License-Identifier: Apache-2.0
#include "keeper/pin.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/fd.h"

namespace tlspool::keeper {
namespace {

enum class Mode {
  owner_only,     // a PIN file: nobody but its owner
  as_it_comes,    // systemd's credential: an ACL may show as group bits
};

Result<Secret> read_pin(const std::string& path, Mode mode) {
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file.valid()) {
    Error e = system_error("read the PIN", path, errno);
    e.advice = "the keeper's user must be able to read it; or enter the PIN with `tlspool pin`";
    return fail(std::move(e));
  }
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return fail(system_error("read the PIN", path, errno));
  if (!S_ISREG(info.st_mode)) return fail({Code::invalid, "read the PIN", path, "not a regular file", {}});
  if (mode == Mode::owner_only && (info.st_mode & 077) != 0) {
    return fail({Code::denied, "read the PIN", path, "the group or others can use the file", "chmod 600 " + path});
  }
  Secret pin{max_pin + 2};
  std::size_t have = 0;
  while (have < pin.size()) {
    const ssize_t n = read(file.get(), pin.writable().data() + have, pin.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read the PIN", path, errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  pin.shrink(have);
  strip_line_end(pin);
  if (pin.empty()) return fail({Code::invalid, "read the PIN", path, "the file is empty", {}});
  if (pin.size() > max_pin) return fail({Code::invalid, "read the PIN", path, "longer than 256 bytes", {}});
  return pin;
}

Result<Secret> read_credential(const std::string& name) {
  const std::string subject = "pin_credential=" + name;
  const char* where = std::getenv("CREDENTIALS_DIRECTORY");
  if (where == nullptr) {
    return fail({Code::not_found, "read the PIN", subject, "CREDENTIALS_DIRECTORY is not set",
                 "start the pool by systemd with LoadCredential="});
  }
  if (name.find('/') != std::string::npos) return fail({Code::config, "read the PIN", subject, "a name, not a path", {}});
  return read_pin(std::string(where) + "/" + name, Mode::as_it_comes);
}

Result<Secret> read_file_of(const wire::TokenSetup& token, const std::string& directory) {
  const std::string prefix = directory + "/";
  const bool inside = !directory.empty() && token.pin_file.starts_with(prefix);
  return read_pin_file(inside ? token.pin_file.substr(prefix.size()) : token.pin_file);
}

}  // namespace

Result<Secret> read_pin_file(const std::string& path) { return read_pin(path, Mode::owner_only); }

Result<std::optional<Secret>> configured_pin(const wire::TokenSetup& token, const std::string& directory) {
  if (token.pin_file.empty() && token.pin_credential.empty()) return std::optional<Secret>{};
  if (!token.pin_credential.empty()) {
    auto pin = read_credential(token.pin_credential);
    if (pin) return std::optional<Secret>{std::move(*pin)};
    // Not there is no reason to fail while there is a file, too; one that is there but no good is.
    if (token.pin_file.empty() || pin.error().code != Code::not_found) return fail(std::move(pin.error()));
  }
  auto pin = read_file_of(token, directory);
  if (!pin) return fail(std::move(pin.error()));
  return std::optional<Secret>{std::move(*pin)};
}

void strip_line_end(Secret& pin) {
  std::size_t size = pin.size();
  if (size > 0 && pin.bytes()[size - 1] == '\n') --size;
  if (size > 0 && pin.bytes()[size - 1] == '\r') --size;
  pin.shrink(size);
}

}  // namespace tlspool::keeper
