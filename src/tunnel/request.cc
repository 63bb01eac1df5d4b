// SPDX-License-Identifier: Apache-2.0
#include "tunnel/request.h"

#include "base/text.h"
#include "cli/address.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {

std::string starttls_text(const cli::TunnelOptions& options) {
  using wire::Value;
  const bool server = options.side == cli::Side::tls_in;
  Value parameters = Value::object();
  parameters.set("fileDescriptor", 0).set("plaintextFileDescriptor", 1);
  parameters.set("role", server ? "server" : "client");
  if (!options.as.empty()) parameters.set("localIdentity", options.as);
  std::string expect = options.expect;
  if (expect.empty() && !server) {
    if (const auto target = cli::HostPort::parse(options.connect)) expect = target->host;
  }
  if (!expect.empty()) parameters.set("remoteIdentity", expect).set("remoteProof", "required");
  if (!options.alpn.empty()) {
    Value protocols = Value::array();
    for (const std::string& protocol : options.alpn) protocols.push(protocol);
    parameters.set("alpn", std::move(protocols));
  }
  if (options.shared_key == cli::SharedKey::required) parameters.set("requireSharedKey", true);
  parameters.set("service", "tunnel");
  return wire::call_text("io.tlspool.Pool.StartTLS", std::move(parameters));
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
