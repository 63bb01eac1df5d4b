// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/text.h"
#include "cli/accept.h"
#include "cli/address.h"
#include "cli/admin.h"
#include "cli/certificate.h"
#include "cli/output.h"
#include "client/call.h"
#include "config/paths.h"

namespace tlspool::cli {
namespace {

/// What came of it, in the words of the interface file.
struct Verdict {
  bool accepted = false;
  std::string identity;
  std::string verified_by;
  std::string message;      ///< where it is refused
  std::string explanation;  ///< a tree; empty where it never came to a question of trust
};

constexpr std::string_view https = "443";

/// NAME or NAME:PORT; an IPv6 address with a port stands in brackets.
Result<HostPort> target_of(const std::string& text) {
  const bool bare_ipv6 = std::ranges::count(text, ':') > 1 && !text.starts_with('[');
  if (bare_ipv6) return HostPort{text, std::string(https)};
  if (text.ends_with(']') || text.find(':') == std::string::npos) return HostPort::parse(text + ":" + std::string(https));
  return HostPort::parse(text);
}

Result<UniqueFd> wait_for_client(const ExplainOptions& options) {
  const auto place = HostPort::parse(options.listen);
  if (!place) return fail(place.error());
  const auto acceptor = Acceptor::listen(*place);
  if (!acceptor) return fail(acceptor.error());
  for (const SocketAddress& address : acceptor->addresses()) std::fprintf(stderr, "listening on %s\n", address.text().c_str());
  auto accepted = acceptor->accept(std::chrono::steady_clock::time_point::max());
  if (!accepted) return fail(std::move(accepted.error()));
  return std::move(accepted->socket);
}

Result<wire::Answer> ask(const ExplainOptions& options, const char* method, wire::Value parameters, std::span<const int> descriptors) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  if (!options.as.empty()) parameters.set("localIdentity", options.as);
  if (!options.service.empty()) parameters.set("service", options.service);
  std::vector<UniqueFd> plain;
  auto answer = client::call(paths->programs_socket(), std::string("io.tlspool.Pool.") + method, std::move(parameters), descriptors, &plain,
                             options.timeout + std::chrono::seconds(5));
  if (!answer && answer.error().code == Code::not_found) answer.error().advice = "start the pool: " + command_for(*paths, "tlspoold");
  return answer;
}

Verdict of_handshake(const wire::Answer& answer) {
  Verdict v;
  if (!answer.error.empty()) {
    v.message = client::message_of(answer);
    v.explanation = answer.parameters.text("explanation");
    return v;
  }
  v.accepted = true;
  const wire::Value* session = answer.parameters.find("session");
  if (session == nullptr) return v;
  v.identity = session->text("remoteIdentity");
  v.verified_by = session->text("verifiedBy");
  v.explanation = session->text("explanation");
  return v;
}

Result<Verdict> by_handshake(const ExplainOptions& options, const HostPort& target) {
  const bool to_server = options.from.empty();
  Result<UniqueFd> socket = fail({Code::invalid, "explain", "--from", "a client can't be connected to", "name --listen A:P, or --chain FILE"});
  if (!to_server && !options.listen.empty()) socket = wait_for_client(options);
  if (to_server) {
    const auto place = options.connect.empty() ? Result<HostPort>(target) : HostPort::parse(options.connect);
    if (!place) return fail(place.error());
    socket = connect_tcp(*place, options.timeout);
  }
  if (!socket) return fail(std::move(socket.error()));
  wire::Value parameters = wire::Value::object();
  parameters.set("fileDescriptor", std::int64_t{0}).set("role", to_server ? "client" : "server").set("explain", true);
  parameters.set("remoteIdentity", to_server ? target.host : options.from).set("remoteProof", "required");
  parameters.set("deadlineMs", static_cast<std::int64_t>(options.timeout.count()));
  const int descriptors[] = {socket->get()};
  auto answer = ask(options, "StartTLS", std::move(parameters), descriptors);
  if (!answer) return fail(std::move(answer.error()));
  return of_handshake(*answer);
}

Result<Verdict> by_file(const ExplainOptions& options, const HostPort& target) {
  const auto chain = read_chain(options.chain);
  if (!chain) return fail(chain.error());
  wire::Value certificates = wire::Value::array();
  for (const Bytes& der : *chain) certificates.push(base64(der));
  wire::Value parameters = wire::Value::object();
  const bool to_server = options.from.empty();
  parameters.set("certificates", std::move(certificates)).set("role", to_server ? "client" : "server");
  parameters.set("remoteIdentity", to_server ? target.host : options.from);
  std::uint16_t port = 0;
  const char* const end = target.port.data() + target.port.size();
  if (to_server && std::from_chars(target.port.data(), end, port).ptr == end) parameters.set("port", std::int64_t{port});
  const auto answer = ask(options, "ExplainCertificates", std::move(parameters), {});
  if (!answer) return fail(answer.error());
  if (!answer->error.empty()) return fail({Code::policy, "explain", options.chain, client::message_of(*answer), {}});
  const wire::Value& p = answer->parameters;
  return Verdict{p.flag("accepted"), p.text("identity"), p.text("verifiedBy"), p.text("message"), p.text("explanation")};
}

}  // namespace

Status explain(const ExplainOptions& options) {
  HostPort target;
  if (options.from.empty()) {
    auto parsed = target_of(options.to);
    if (!parsed) return fail(std::move(parsed.error()));
    target = std::move(*parsed);
  }
  const auto verdict = options.chain.empty() ? by_handshake(options, target) : by_file(options, target);
  if (!verdict) return fail(verdict.error());
  if (options.output == Output::json) {
    print_json(wire::Value::object()
                   .set("accepted", verdict->accepted)
                   .set("identity", wire::or_null(verdict->identity))
                   .set("verifiedBy", wire::or_null(verdict->verified_by))
                   .set("message", wire::or_null(verdict->message))
                   .set("explanation", wire::or_null(verdict->explanation)));
  } else {
    print(verdict->explanation);
    if (verdict->accepted) print(fmt::format("accepted as {}, verified by: {}\n", printable(verdict->identity), verdict->verified_by));
  }
  if (verdict->accepted) return {};
  if (options.output == Output::text && !verdict->explanation.empty()) {
    return fail({Code::policy, "explain", options.from.empty() ? options.to : options.from, "is refused; what does not hold stands above", {}});
  }
  return fail({Code::policy, "refused", "", printable(verdict->message, 2048), {}});
}

}  // namespace tlspool::cli
