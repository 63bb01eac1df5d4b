// SPDX-License-Identifier: Apache-2.0
#include "tunnel/request.h"

#include "base/text.h"
#include "cli/address.h"
#include "cli/roles.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {

std::string starttls_text(const cli::TunnelOptions& options) {
  using wire::Value;
  Value parameters = Value::object();
  parameters.set("fileDescriptor", 0).set("plaintextFileDescriptor", 1);
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
  return wire::call_text("io.tlspool.Pool.StartTLS", std::move(parameters));
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

std::string failure_in(std::string_view answer) {
  // Only a name of a peer could bring this word into a success; the parser below then finds that out.
  if (answer.find("\"error\"") == std::string_view::npos) return {};
  const auto parsed = wire::parse_answer(answer);
  if (!parsed) return parsed.error().text();
  if (parsed->error.empty()) return {};
  std::string message = parsed->parameters.text("message");
  if (message.empty()) message = parsed->error + " " + wire::to_json(parsed->parameters);
  return printable(message, 1024);
}

}  // namespace tlspool::tunnel
