// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/address.h"
#include "cli/admin.h"
#include "cli/output.h"
#include "cli/qkd_commands.h"
#include "config/load.h"
#include "qkd/accept.h"
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
  const auto acceptor = Acceptor::listen(*where);
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

void print_report(const cli::QkdAuditOptions& options, const std::string& peer, const Secured& connection,
                  const AuditReport& report) {
  const char* proved = tlspool_session_remote_identity(connection.session.get());
  const char* how = tlspool_session_verified_by(connection.session.get());
  const char* suite = tlspool_session_cipher_suite(connection.session.get());
  if (options.output == cli::Output::json) {
    wire::Value out = wire::Value::object();
    out.set("peer", peer).set("remoteIdentity", proved).set("verifiedBy", how).set("cipherSuite", suite);
    report_json(out, report);
    cli::print_json(out);
    return;
  }
  cli::print(fmt::format("peer      {}\n", peer));
  cli::print(fmt::format("over      {} to {}, verified by {}\n", suite, printable(proved), how));
  cli::print(report_text(report));
}

Status run(const cli::QkdAuditOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const auto config = config::load(*paths);
  if (!config) return fail(config.error());
  const auto peer = find_peer(*config, options.peer);
  if (!peer) return fail(peer.error());
  auto keys = Keys::open(*paths);
  if (!keys) return fail(std::move(keys.error()));
  const Clock::time_point deadline = Clock::now() + options.timeout;
  const Protection how = protection(options, *peer, config->name);
  auto joined = options.listen.empty() ? connect(options, *paths, how) : listen(options, *paths, how, deadline);
  if (!joined) return fail(std::move(joined.error()));
  const RowsOf rows_of = [&](ByteView nonce) { return keys->audit(peer->name, nonce); };
  const auto report = talk(joined->connection.plain.get(), joined->side, rows_of, deadline);
  if (!report) return fail(report.error());
  print_report(options, peer->name, joined->connection, *report);
  if (report->good()) return {};
  return fail({Code::policy, "audit", peer->name, "the two sites differ: " + summary(*report),
               "a key that a connection uses meanwhile shows, too: run it again, then look at the keys above"});
}

}  // namespace
}  // namespace tlspool::qkd

namespace tlspool::cli {
Status qkd_audit(const QkdAuditOptions& options) { return qkd::run(options); }
}  // namespace tlspool::cli
