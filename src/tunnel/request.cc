// SPDX-License-Identifier: Apache-2.0
#include "tunnel/request.h"

#include <algorithm>

#include "base/text.h"
#include "cli/address.h"
#include "cli/roles.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {
namespace {
constexpr std::int64_t most_workers = 256;
}  // namespace

std::string forward_text(const cli::TunnelOptions& options, std::size_t worker) {
  using wire::Value;
  Value parameters = Value::object();
  parameters.set("worker", worker);
  parameters.set("role", cli::word(own_role(options)));
  if (options.roles.remote) parameters.set("remoteRole", cli::word(*options.roles.remote));
  if (options.roles.hello_delay) parameters.set("helloDelayMs", static_cast<std::int64_t>(options.roles.hello_delay->count()));
  if (!options.as.empty()) parameters.set("localIdentity", options.as);
  if (const std::string expect = expected(options); !expect.empty()) parameters.set("remoteIdentity", expect).set("remoteProof", "required");
  if (!options.alpn.empty()) {
    Value protocols = Value::array();
    for (const std::string& protocol : options.alpn) protocols.push(protocol);
    parameters.set("alpn", std::move(protocols));
  }
  if (options.shared_key == cli::SharedKey::required) parameters.set("requireSharedKey", true);
  parameters.set("service", "tunnel");
  return wire::call_text("io.tlspool.Pool.Forward", std::move(parameters), wire::Replies::more);
}

cli::Role own_role(const cli::TunnelOptions& options) {
  return options.roles.own.value_or(options.side == cli::Side::tls_in ? cli::Role::server : cli::Role::client);
}

std::string expected(const cli::TunnelOptions& options) {
  if (!options.expect.empty() || options.side == cli::Side::tls_in || own_role(options) == cli::Role::server) return options.expect;
  const auto target = cli::HostPort::parse(options.connect);
  return target ? target->host : std::string{};
}

bool other_side_speaks_first(const cli::TunnelOptions& options) {
  const cli::Role own = own_role(options);
  return options.side == cli::Side::tls_in && own != cli::Role::client && cli::remote_role(own, options.roles) == cli::Role::client;
}

Outcomes outcomes_in(std::string_view answer) {
  Outcomes out;
  const auto parsed = wire::parse_answer(answer);
  if (!parsed) {
    out.problem = parsed.error().text();
    return out;
  }
  const wire::Value& said = parsed->parameters;
  if (!parsed->error.empty()) {
    const std::string message = said.text("message");
    out.problem = printable(message.empty() ? parsed->error + " " + wire::to_json(said) : message, 1024);
    return out;
  }
  out.workers = static_cast<std::size_t>(std::clamp<std::int64_t>(said.number("workers", 1), 1, most_workers));
  out.leave = said.flag("leave");
  const auto each = [&said](const char* name, const auto& take) {
    const wire::Value* list = said.find(name);
    if (list == nullptr || list->elements() == nullptr) return;
    for (const wire::Value& one : *list->elements()) take(one);
  };
  each("established", [&](const wire::Value& one) {
    if (one.integer() != nullptr) out.ended.emplace_back(static_cast<std::uint64_t>(*one.integer()), std::string{});
  });
  each("failed", [&](const wire::Value& one) {
    const std::string message = one.text("message");
    out.ended.emplace_back(static_cast<std::uint64_t>(one.number("number", -1)), message.empty() ? "it failed" : printable(message, 1024));
  });
  return out;
}

}  // namespace tlspool::tunnel
