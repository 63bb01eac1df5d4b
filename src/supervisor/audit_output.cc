// SPDX-License-Identifier: Apache-2.0
#include "supervisor/audit_output.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

namespace tlspool::supervisor {
namespace {

Error mistake(Error error, const std::string& advice) {
  error.operation = "[log] audit: " + error.operation;
  error.advice = advice;
  return error;
}

Result<UniqueFd> open_file(const std::string& path) {
  const std::string advice = "name a file in a directory that the daemon may write in, such as /var/log/tlspool/audit.json";
  // What is no plain file must not make us wait.
  UniqueFd file{open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640)};
  if (!file.valid()) return fail(mistake(system_error("open", path, errno), advice));
  struct stat info{};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return fail(mistake({Code::config, "open", path, "it is no file", {}}, advice));
  return file;
}

Result<UniqueFd> connect_journal(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.valid() || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(mistake(system_error("connect", path, errno), "\"journal\" needs systemd; name a file instead"));
  }
  return socket;
}

}  // namespace

Result<std::shared_ptr<const AuditOutput>> open_audit(const config::Audit& audit, const std::string& pool, const std::string& journal) {
  auto out = std::make_shared<AuditOutput>();
  out->setup = {audit.to, pool};
  if (audit.to != wire::AuditTo::file && audit.to != wire::AuditTo::journal) return out;
  auto opened = audit.to == wire::AuditTo::file ? open_file(audit.file) : connect_journal(journal);
  if (!opened) return fail(std::move(opened.error()));
  out->out = std::move(*opened);
  return out;
}

}  // namespace tlspool::supervisor
