// SPDX-License-Identifier: Apache-2.0
#include "cli/admin.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/socket.h"
#include "wire/varlink.h"

namespace tlspool::cli {
namespace {

Error unreachable(const config::Paths& paths, const Error& cause) {
  const std::string socket = paths.admin_socket();
  if (cause.reason == std::strerror(EACCES)) {
    return {Code::denied, "connect", socket, "Permission denied",
            "this socket is for the pool's owner: run the command as that user"};
  }
  return {Code::closed, "connect", socket, "no tlspoold runs for this pool",
          "start it: " + command_for(paths, "tlspoold")};
}

Result<UniqueFd> dial(const config::Paths& paths, std::chrono::seconds timeout) {
  auto fd = connect_unix(paths.admin_socket());
  if (!fd) return fail(unreachable(paths, fd.error()));
  const timeval limit{timeout.count(), 0};
  setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return fd;
}

/// Reads up to the NUL; this side sends one call, so no byte of a second answer can follow.
Result<std::string> read_answer(int fd, const std::string& subject, std::vector<UniqueFd>& descriptors) {
  std::string text;
  std::array<std::uint8_t, 16384> chunk;
  while (true) {
    auto got = receive(fd, chunk, 0);
    if (!got) return fail(std::move(got.error()));
    if (!got->has_value()) {
      return fail({Code::timeout, "read", subject, "tlspoold does not answer", "look at its log"});
    }
    if ((*got)->size == 0) {
      return fail({Code::closed, "read", subject, "tlspoold closed the connection", "look at its log"});
    }
    for (UniqueFd& d : (*got)->descriptors) descriptors.push_back(std::move(d));
    text.append(reinterpret_cast<const char*>(chunk.data()), (*got)->size);
    if (text.back() == '\0') break;
    if (text.size() > 64 * wire::max_message) return fail({Code::protocol, "read", subject, "endless answer", {}});
  }
  text.pop_back();
  return text;
}

Error refused(const config::Paths& paths, std::string_view method, const wire::Answer& answer) {
  const std::string name = answer.error.substr(answer.error.rfind('.') + 1);
  if (name == "ConfigurationRefused") {
    return {Code::config, "reload", "", answer.parameters.text("message"), "the old configuration stays in force"};
  }
  if (name == "UpgradeFailed") return {Code::invalid, "upgrade", "", answer.parameters.text("message"), {}};
  if (name == "TokenUnknown") {
    return {Code::not_found, "token", answer.parameters.text("token"), "not in the configuration",
            command_for(paths) + " status names the tokens"};
  }
  if (name == "RequestRefused") return {Code::denied, answer.parameters.text("message"), "", "", {}};
  if (name == "PermissionDenied") {
    return {Code::denied, std::string(method), paths.admin_socket(), "refused",
            "run the command as the pool's owner"};
  }
  return {Code::protocol, std::string(method), paths.admin_socket(), answer.error, answer.parameters.text("message")};
}

}  // namespace

std::string command_for(const config::Paths& paths, std::string_view program) {
  const auto standard = config::find_pool("");
  if (standard && standard->directory == paths.directory) return std::string(program);
  return std::string(program) + " --pool " + paths.directory;
}

Result<Reply> call_admin(const config::Paths& paths, std::string_view method, wire::Value parameters,
                         std::chrono::seconds timeout) {
  auto fd = dial(paths, timeout);
  if (!fd) return fail(std::move(fd.error()));
  const std::string text = wire::call_text("io.tlspool.Admin." + std::string(method), std::move(parameters));
  for (std::size_t at = 0; at < text.size();) {
    auto sent = transmit(fd->get(), view(text).subspan(at), {});
    if (!sent) return fail(std::move(sent.error()));
    if (!sent->has_value()) return fail({Code::timeout, "write", paths.admin_socket(), "tlspoold does not read", {}});
    at += **sent;
  }
  Reply reply;
  auto answer_text = read_answer(fd->get(), paths.admin_socket(), reply.descriptors);
  if (!answer_text) return fail(std::move(answer_text.error()));
  auto answer = wire::parse_answer(*answer_text);
  if (!answer) return fail(std::move(answer.error()));
  if (!answer->error.empty()) return fail(refused(paths, method, *answer));
  reply.parameters = std::move(answer->parameters);
  return reply;
}

}  // namespace tlspool::cli
