// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/secret.h"
#include "base/socket.h"
#include "base/text.h"
#include "cli/admin.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_pin = 255;  // SoftHSM's own limit; smart cards take far less

/// The token that the user most likely means.
Result<std::string> only_token(const config::Paths& paths) {
  const auto reply = call_admin(paths, "Status");
  if (!reply) return fail(reply.error());
  std::vector<std::string> waiting;
  std::vector<std::string> all;
  for (const wire::Value& token : elements(reply->parameters, "tokens")) {
    const std::string state = token.text("state");
    all.push_back(token.text("name"));
    if (state == "locked" || state == "pinRejected") waiting.push_back(token.text("name"));
  }
  if (waiting.size() == 1) return waiting.front();
  if (all.size() == 1) return all.front();
  std::string names;
  for (const std::string& name : waiting.empty() ? all : waiting) names += " " + name;
  return fail({Code::invalid, "token", "", "say which one:" + names, command_for(paths) + " pin TOKEN"});
}

Result<std::string> hand_over(int fd, const Secret& pin) {
  for (std::size_t at = 0; at < pin.size();) {
    auto sent = transmit(fd, pin.bytes().subspan(at), {});
    if (!sent) return fail(std::move(sent.error()));
    at += sent->value_or(0);
  }
  shutdown(fd, SHUT_WR);
  std::string answer;
  std::array<char, 512> chunk;
  while (answer.find('\n') == std::string::npos) {
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", "the keeper's answer", errno));
    if (n == 0) break;
    answer.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return answer.substr(0, answer.find('\n'));
}

}  // namespace

Status pin(const PinOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  std::string token = options.token;
  if (token.empty()) {
    auto found = only_token(*paths);
    if (!found) return fail(std::move(found.error()));
    token = std::move(*found);
  }
  auto entered = ask_secret({"PIN", fmt::format("PIN of token {}: ", printable(token)), longest_pin, "nothing was sent to the token"});
  if (!entered) return fail(std::move(entered.error()));
  auto reply = call_admin(*paths, "EnterPin", wire::Value::object().set("token", token));
  if (!reply) return fail(std::move(reply.error()));
  if (reply->descriptors.size() != 1) {
    return fail({Code::protocol, "EnterPin", "token=" + token, "no way to the keeper came back", "see the daemon's log"});
  }
  const auto answer = hand_over(reply->descriptors.front().get(), *entered);
  if (!answer) return fail(answer.error());
  if (*answer != "ok") {
    return fail({Code::pin_rejected, "PIN", "", printable(*answer, 1024),
                 "every wrong one counts: a token locks itself after a few"});
  }
  print(fmt::format("token {} is ready\n", token));
  return {};
}

}  // namespace tlspool::cli
