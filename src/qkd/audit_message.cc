// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "tls/openssl.h"
#include "wire/json.h"

namespace tlspool::qkd {
namespace {

using wire::Value;

constexpr std::size_t chunk_bytes = 32 * 1024;  // and then one row more: stays below longest_audit_line
constexpr std::size_t row_overhead = 32;        // brackets, quotes, direction, check value
constexpr std::size_t longest_reason = 1024;
constexpr std::string_view protocol = "tlspool-audit";

tl::unexpected<Error> not_understood(std::string reason) {
  return fail({Code::protocol, "audit", "the other site's message", std::move(reason), "run the same release at both sites"});
}

/// The bytes of a member that is hexadecimal text of exactly `size` bytes.
std::optional<Bytes> fixed(const Value& text, std::size_t size) {
  if (text.string() == nullptr || text.string()->size() != 2 * size) return std::nullopt;
  return unhex(*text.string());
}
std::optional<Bytes> fixed(const Value& message, std::string_view member, std::size_t size) {
  const Value* found = message.find(member);
  return found == nullptr ? std::nullopt : fixed(*found, size);
}

/// "seq", "kind" and those that the kind has, and nothing else.
bool has_members(const Value& message, std::size_t own) { return message.members()->size() == own + 2; }

bool printable_id(std::string_view id) {
  return !id.empty() && id.size() <= longest_audit_id && std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Result<AuditMessage> hello(const Value& message) {
  if (message.text("protocol") != protocol) return not_understood("it does not begin an audit");
  if (const std::int64_t version = message.number("version"); version != audit_version) {
    return not_understood(fmt::format("version {} of the audit, where this site speaks {}", version, audit_version));
  }
  auto random = fixed(message, "random", audit_random_size);
  if (!random || !has_members(message, 3)) return not_understood("a malformed hello");
  return AuditHello{std::move(*random)};
}

Result<AuditMessage> commit(const Value& message) {
  const std::int64_t count = message.number("count", -1);
  auto digest = fixed(message, "digest", audit_digest_size);
  if (count < 0 || !digest || !has_members(message, 2)) return not_understood("a malformed commitment");
  if (static_cast<std::uint64_t>(count) > most_audit_rows) {
    return not_understood(fmt::format("{} keys; an audit takes at most {}", count, most_audit_rows));
  }
  return AuditCommit{static_cast<std::size_t>(count), std::move(*digest)};
}

/// ["5678","c","0011223344556677"]
std::optional<wire::AuditRow> row_of(const Value& value) {
  const Value::Array* parts = value.elements();
  if (parts == nullptr || parts->size() != 3) return std::nullopt;
  const std::string* id = (*parts)[0].string();
  const std::string* direction = (*parts)[1].string();
  auto check = fixed((*parts)[2], check_value_size);
  if (id == nullptr || direction == nullptr || !check) return std::nullopt;
  if (!printable_id(*id) || (*direction != "c" && *direction != "s")) return std::nullopt;
  return wire::AuditRow{*id, *direction == "c", std::move(*check)};
}

Result<AuditMessage> rows(const Value& message) {
  const Value* list = message.find("rows");
  if (list == nullptr || list->elements() == nullptr || list->elements()->empty() || !has_members(message, 1)) {
    return not_understood("malformed rows");
  }
  AuditRows out;
  for (const Value& one : *list->elements()) {
    auto row = row_of(one);
    if (!row) return not_understood("a malformed row");
    out.rows.push_back(std::move(*row));
  }
  return out;
}

Result<AuditMessage> given_up(const Value& message) {
  const Value* reason = message.find("reason");
  if (reason == nullptr || reason->string() == nullptr || !has_members(message, 1)) return not_understood("a malformed message");
  return AuditGivenUp{printable(*reason->string(), longest_reason)};
}

/// Adds the members of one kind.
struct Describe {
  Value& out;
  void operator()(const AuditHello& m) {
    out.set("kind", "hello").set("protocol", protocol).set("version", audit_version).set("random", hex(m.random));
  }
  void operator()(const AuditCommit& m) { out.set("kind", "commit").set("count", m.count).set("digest", hex(m.digest)); }
  void operator()(const AuditRows& m) {
    Value list = Value::array();
    for (const wire::AuditRow& row : m.rows) {
      list.push(Value::array().push(row.id).push(row.as_client ? "c" : "s").push(hex(row.check)));
    }
    out.set("kind", "rows").set("rows", std::move(list));
  }
  void operator()(const AuditEnd&) { out.set("kind", "end"); }
  void operator()(const AuditGivenUp& m) { out.set("kind", "givenUp").set("reason", printable(m.reason, longest_reason)); }
};

void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

}  // namespace

Result<AuditMessage> parse_audit_line(std::string_view line, std::uint64_t sequence) {
  if (line.size() >= longest_audit_line) return not_understood("too long");
  const auto message = wire::parse_json(line);
  if (!message) return not_understood(message.error().reason);
  if (message->members() == nullptr) return not_understood("it is no JSON object");
  const Value* number = message->find("seq");
  if (number == nullptr || number->integer() == nullptr || *number->integer() < 0 ||
      static_cast<std::uint64_t>(*number->integer()) != sequence) {
    return not_understood(fmt::format("not number {}", sequence));
  }
  const std::string kind = message->text("kind");
  if (kind == "hello") return hello(*message);
  if (kind == "commit") return commit(*message);
  if (kind == "rows") return rows(*message);
  if (kind == "givenUp") return given_up(*message);
  if (kind == "end") return has_members(*message, 0) ? Result<AuditMessage>(AuditEnd{}) : not_understood("a malformed end");
  return not_understood("of an unknown kind");
}

std::string audit_line(const AuditMessage& message, std::uint64_t sequence) {
  Value out = Value::object();
  out.set("seq", sequence);
  std::visit(Describe{out}, message);
  return wire::to_json(out) + "\n";
}

AuditRows next_chunk(const std::vector<wire::AuditRow>& rows, std::size_t at) {
  AuditRows out;
  for (std::size_t bytes = 0; at < rows.size() && bytes < chunk_bytes; ++at) {
    out.rows.push_back(rows[at]);
    bytes += 2 * rows[at].id.size() + row_overhead;  // a quote or backslash takes two
  }
  return out;
}

Bytes audit_nonce(ByteView connecting, ByteView listening) {
  Bytes input = copy_of(view("tlspool audit nonce"));
  input.push_back(0);
  append(input, connecting);
  append(input, listening);
  return tls::sha256(input);
}

Bytes audit_digest(AuditSide side, ByteView nonce, const std::vector<wire::AuditRow>& rows) {
  Bytes input = copy_of(view("tlspool audit rows"));
  input.push_back(0);
  input.push_back(static_cast<std::uint8_t>(side));
  append(input, nonce);
  for (const wire::AuditRow& row : rows) {
    input.push_back(static_cast<std::uint8_t>(row.id.size() >> 8));
    input.push_back(static_cast<std::uint8_t>(row.id.size()));
    append(input, view(row.id));
    input.push_back(row.as_client ? 'c' : 's');
    append(input, row.check);
  }
  return tls::sha256(input);
}

}  // namespace tlspool::qkd
