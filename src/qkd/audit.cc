// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/accept.h"
#include "cli/address.h"
#include "cli/admin.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/load.h"
#include "qkd/audit_talk.h"
#include "qkd/keys.h"
#include "qkd/peer.h"
#include "qkd/secured.h"

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;

/// A stranger who connects and says nothing must not hold up the other site for long.
constexpr std::chrono::milliseconds longest_handshake{10'000};

struct Joined {
  Secured connection;
  AuditSide side;
};

Protection protection(const cli::QkdAuditOptions& options, const wire::PeerSetup& peer, const std::string& pool_name) {
  Protection out;
  out.as = !options.as.empty() ? options.as : !peer.local_identity.empty() ? peer.local_identity : pool_name;
  out.expect = options.expect.empty() ? peer.name : options.expect;
  out.service = "audit";
  out.shared_key = options.shared_key;
  out.deadline = std::min(longest_handshake, options.timeout);
  return out;
}

Result<Joined> connect(const cli::QkdAuditOptions& options, const config::Paths& paths, const Protection& how) {
  const auto where = cli::HostPort::parse(options.connect);
  if (!where) return fail(where.error());
  auto socket = cli::connect_tcp(*where, options.timeout);
  if (!socket) return fail(std::move(socket.error()));
  auto secured = secure(paths, std::move(*socket), TLSPOOL_CLIENT, how, options.connect);
  if (!secured) return fail(std::move(secured.error()));
  return Joined{std::move(*secured), AuditSide::connecting};
}

/// The first that proves to be the other site; others are turned away and named.
Result<Joined> listen(const cli::QkdAuditOptions& options, const config::Paths& paths, const Protection& how,
                      Clock::time_point deadline) {
  const auto where = cli::HostPort::parse(options.listen);
  if (!where) return fail(where.error());
  const auto acceptor = cli::Acceptor::listen(*where);
  if (!acceptor) return fail(acceptor.error());
  for (const auto& address : acceptor->addresses()) std::fprintf(stderr, "listening on %s\n", address.text().c_str());
  while (true) {
    auto accepted = acceptor->accept(deadline);
    if (!accepted) return fail(std::move(accepted.error()));
    auto secured = secure(paths, std::move(accepted->socket), TLSPOOL_SERVER, how, accepted->peer.text());
    if (secured) return Joined{std::move(*secured), AuditSide::listening};
    std::fprintf(stderr, "turned away: %s\n", secured.error().text().c_str());
  }
}

/// "TLS_AES_128_GCM_SHA256 to b.example, verified by chain"; the shared key where there is one.
std::string connection_text(const tlspool_session* session) {
  std::string out = fmt::format("{} to {}, verified by {}", tlspool_session_cipher_suite(session),
                                printable(tlspool_session_remote_identity(session)), tlspool_session_verified_by(session));
  if (const char* id = tlspool_session_key_id(session)) {
    out += fmt::format(": key {} of {}", printable(id), printable(tlspool_session_key_store(session)));
  }
  return out;
}

wire::Value connection_json(const tlspool_session* session) {
  wire::Value out = wire::Value::object();
  out.set("cipherSuite", tlspool_session_cipher_suite(session)).set("remoteIdentity", tlspool_session_remote_identity(session));
  out.set("verifiedBy", tlspool_session_verified_by(session));
  const char* id = tlspool_session_key_id(session);
  out.set("keyId", id == nullptr ? wire::Value() : wire::Value(id));
  return out;
}

void print_report(cli::Output output, const std::string& peer, const Secured& connection, const AuditReport& report) {
  if (output == cli::Output::json) {
    wire::Value out = wire::Value::object();
    out.set("peer", peer).set("connection", connection_json(connection.session.get()));
    report_json(out, report);
    cli::print_json(out);
    return;
  }
  cli::print(fmt::format("peer      {}\n", peer));
  cli::print(fmt::format("over      {}\n", connection_text(connection.session.get())));
  cli::print(report_text(report));
}

Status run(const cli::QkdAuditOptions& options) {
  const auto found = find_pool_peer(options.pool, options.peer);
  if (!found) return fail(found.error());
  const config::Paths& paths = found->paths;
  const config::Config& config = found->config;
  const wire::PeerSetup& peer = found->peer;
  auto keys = Keys::open(paths);
  if (!keys) return fail(std::move(keys.error()));
  const Clock::time_point deadline = Clock::now() + options.timeout;
  const Protection how = protection(options, peer, config.name);
  auto joined = options.listen.empty() ? connect(options, paths, how) : listen(options, paths, how, deadline);
  if (!joined) return fail(std::move(joined.error()));
  const RowsOf rows_of = [&](ByteView nonce) { return keys->audit(peer.name, nonce); };
  const auto report = talk(joined->connection.plain.get(), joined->side, rows_of, deadline);
  if (!report) return fail(report.error());
  print_report(options.output, peer.name, joined->connection, *report);
  if (report->good()) return {};
  return fail({Code::policy, "audit", peer.name, "the two sites differ: " + summary(*report),
               "a key that a connection uses meanwhile shows, too: run it again, then look at the keys above"});
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_audit(const QkdAuditOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
