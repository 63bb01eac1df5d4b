// SPDX-License-Identifier: Apache-2.0
#include "supervisor/admin.h"
#include "supervisor/words.h"

namespace tlspool::supervisor {
namespace {

using wire::Value;

Value maybe(const std::string& text) { return text.empty() ? Value() : Value(text); }

Value processes(const Pool& pool) {
  Value out = Value::array();
  for (const Child* child : pool.children()) {
    out.push(Value::object().set("name", child->name()).set("pid", child->pid()).set("restarts", child->restarts()));
  }
  return out;
}

Value tokens(const wire::KeeperReport& report) {
  Value out = Value::array();
  for (const auto& token : report.tokens) {
    out.push(Value::object()
                 .set("name", token.name)
                 .set("state", word(token.state))
                 .set("label", token.label)
                 .set("model", token.model)
                 .set("problem", maybe(token.problem)));
  }
  return out;
}

Value credentials(const wire::WorkerSetup& setup) {
  Value out = Value::array();
  for (const auto& identity : setup.identities) {
    for (const auto& credential : identity.credentials) {
      out.push(Value::object()
                   .set("identity", identity.name)
                   .set("keyType", word(credential.type))
                   .set("token", credential.token)
                   .set("usable", credential.usable)
                   .set("problem", maybe(credential.problem)));
    }
  }
  return out;
}

wire::Counters total(const std::vector<Bytes>& counters) {
  wire::Counters sum;
  for (const Bytes& bytes : counters) {
    const auto one = wire::decode<wire::Counters>(bytes);
    if (!one) continue;
    sum.sessions += one->sessions;
    sum.handshakes += one->handshakes;
    sum.started += one->started;
    sum.resumed += one->resumed;
    sum.failed += one->failed;
  }
  return sum;
}

Value outcomes_of(const wire::OutcomeCounters& c) {
  return Value::object()
      .set("entries", c.entries)
      .set("judged", c.judged)
      .set("recalled", c.recalled)
      .set("shared", c.shared)
      .set("put", c.put)
      .set("worthless", c.worthless)
      .set("late", c.late)
      .set("failures", c.failed)
      .set("serversAway", c.away);
}

Value row(const wire::SessionRow& r) {
  return Value::object()
      .set("id", r.id)
      .set("worker", r.worker)
      .set("role", r.role)
      .set("localIdentity", maybe(r.local_identity))
      .set("remoteIdentity", maybe(r.remote_identity))
      .set("version", r.version)
      .set("cipherSuite", r.suite)
      .set("service", maybe(r.service))
      .set("uid", r.uid)
      .set("pid", r.pid)
      .set("started", r.started)
      .set("bytesSent", r.sent)
      .set("bytesReceived", r.received);
}

}  // namespace

Value status_reply(Pool& pool, std::int64_t started, const std::vector<Bytes>& counters, const std::optional<wire::OutcomeCounters>& outcomes) {
  const wire::Counters sum = total(counters);
  return Value::object()
      .set("version", TLSPOOL_VERSION)
      .set("pool", pool.ground().paths.directory)
      .set("started", started)
      .set("processes", processes(pool))
      .set("tokens", tokens(pool.report()))
      .set("credentials", credentials(pool.setup()))
      .set("sessions", sum.sessions)
      .set("handshakes", sum.handshakes)
      .set("completed", sum.started)
      .set("resumed", sum.resumed)
      .set("failed", sum.failed)
      .set("trustAnchors", pool.anchors())
      .set("ticketKeyShared", pool.shares_tickets())
      .set("outcomes", outcomes ? outcomes_of(*outcomes) : Value());
}

Value sessions_reply(const std::vector<Bytes>& lists) {
  Value rows = Value::array();
  for (const Bytes& bytes : lists) {
    const auto list = wire::decode<wire::SessionList>(bytes);
    if (!list) continue;
    for (const auto& session : list->sessions) rows.push(row(session));
  }
  return Value::object().set("sessions", std::move(rows));
}

}  // namespace tlspool::supervisor
