// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <ctime>
#include <span>

#include "counters/exposition.h"
#include "supervisor/admin.h"
#include "supervisor/words.h"
#include "tls/openssl.h"
#include "trust/revocation_facts.h"
#include "wire/session_row.h"

namespace tlspool::supervisor {
namespace {

using wire::Value;

// What the pool from before an upgrade has of a list.
const Value::Array& rows_of(const Value* before, std::string_view list) {
  static const Value::Array none;
  const Value* found = before != nullptr ? before->find(list) : nullptr;
  return found != nullptr && found->elements() != nullptr ? *found->elements() : none;
}

Value processes(const Pool& pool, const Value* before) {
  Value out = Value::array();
  for (const Child* child : pool.children()) {
    out.push(Value::object()
                 .set("name", child->name())
                 .set("pid", child->pid())
                 .set("restarts", child->restarts())
                 .set("ready", child->phase() == Child::Phase::ready)
                 .set("draining", pool.is_retired()));
  }
  for (Value process : rows_of(before, "processes")) {
    if (process.number("pid") > 0) out.push(std::move(process.set("draining", true)));
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
                 .set("problem", wire::or_null(token.problem)));
  }
  return out;
}

// A certificate that promises an OCSP response, while there is none to staple: clients refuse it.
std::string problem_of(const Pool& pool, const wire::IdentitySetup& identity, const wire::CredentialSetup& credential) {
  if (!credential.usable || credential.chain.empty() || (identity.roles & wire::role_server) == 0) return credential.problem;
  const auto leaf = tls::certificate_from_der(credential.chain.front());
  if (!leaf || !trust::must_staple(leaf->get())) return credential.problem;
  const auto staple = pool.staples().find(tls::sha256(credential.chain.front()));
  if (staple != pool.staples().end() && staple->second.valid_until > std::time(nullptr)) return credential.problem;
  return "clients refuse it: it promises an OCSP response (TLS feature), and there is none to staple; the log says why (staple.missing)";
}

Value credentials(const Pool& pool) {
  const wire::WorkerSetup& setup = pool.setup();
  Value out = Value::array();
  for (const auto& identity : setup.identities) {
    for (const auto& credential : identity.credentials) {
      out.push(Value::object()
                   .set("identity", identity.name)
                   .set("keyType", word(credential.type))
                   .set("token", credential.token)
                   .set("usable", credential.usable)
                   .set("problem", wire::or_null(problem_of(pool, identity, credential))));
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

Value integers(std::span<const std::uint64_t> numbers) {
  Value out = Value::array();
  for (const std::uint64_t number : numbers) out.push(number);
  return out;
}

Value metric(const counters::Descriptor& d, const counters::Labels& labels, std::span<const std::uint64_t> numbers) {
  Value named = Value::object();
  for (const auto& [name, value] : labels) named.set(std::string(name), value);
  Value out = Value::object().set("name", d.name).set("labels", std::move(named));
  if (d.type != counters::Type::histogram) return out.set("value", numbers.front());
  return out.set("buckets", integers(numbers.first(numbers.size() - 1))).set("bounds", integers(d.bounds)).set("sum", numbers.back());
}

}  // namespace

Value status_reply(Pool& pool, std::int64_t started, const std::vector<Bytes>& counters, const std::optional<wire::OutcomeCounters>& outcomes,
                   const Value* before) {
  wire::Counters sum = total(counters);
  if (before != nullptr) {
    sum.sessions += static_cast<std::uint64_t>(before->number("sessions"));
    sum.handshakes += static_cast<std::uint64_t>(before->number("handshakes"));
  }
  return Value::object()
      .set("version", TLSPOOL_VERSION)
      .set("pool", pool.ground().paths.directory)
      .set("started", started)
      .set("processes", processes(pool, before))
      .set("tokens", tokens(pool.report()))
      .set("credentials", credentials(pool))
      .set("sessions", sum.sessions)
      .set("handshakes", sum.handshakes)
      .set("completed", sum.started)
      .set("resumed", sum.resumed)
      .set("failed", sum.failed)
      .set("trustAnchors", pool.anchors())
      .set("ticketKeyShared", pool.shares_tickets())
      .set("outcomes", outcomes ? outcomes_of(*outcomes) : Value());
}

Value sessions_reply(const std::vector<Bytes>& lists, const Value* before) {
  Value rows = Value::array();
  for (const Bytes& bytes : lists) {
    const auto list = wire::decode<wire::SessionList>(bytes);
    if (!list) continue;
    for (const auto& session : list->sessions) rows.push(wire::value_of(session));
  }
  for (const Value& row : rows_of(before, "sessions")) rows.push(row);
  return Value::object().set("sessions", std::move(rows));
}

Value statistics_reply(Pool& pool, std::int64_t at) {
  const auto pages = pool.pages().all();
  const auto tokens = pool.token_names();
  Value metrics = Value::array();
  for (const counters::Descriptor& d : counters::table) {
    for (std::size_t series = 0; series < d.series(); ++series) {
      const auto labels = counters::labels_of(d, series, tokens);
      if (!labels) continue;
      const std::size_t first = counters::first_slots[static_cast<std::size_t>(d.family)] + series * d.width();
      std::vector<std::uint64_t> numbers;
      for (std::size_t i = 0; i < d.width(); ++i) numbers.push_back(counters::sum(pages, first + i));
      if (std::ranges::any_of(numbers, [](std::uint64_t n) { return n != 0; })) metrics.push(metric(d, *labels, numbers));
    }
  }
  return Value::object().set("at", at).set("metrics", std::move(metrics));
}

}  // namespace tlspool::supervisor
