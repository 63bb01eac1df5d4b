// SPDX-License-Identifier: Apache-2.0
#include "worker/audit.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tls/context.h"
#include "worker/exchange.h"
#include "worker/handshake.h"
#include "worker/session.h"

namespace tlspool::worker {
namespace {

constexpr std::string_view session_event = "audit";
constexpr std::string_view exchange_event = "audit.exchange";
// Of each text: names come from the network, and a line must stay one that every reader takes.
constexpr std::size_t longest_text = 512;

class Fields {
 public:
  /// null where it is empty.
  Fields& text(std::string_view name, std::string_view value) {
    if (value.empty()) return literal(name, "null");
    line_.push_back({name, std::string(value.substr(0, longest_text))});
    return *this;
  }
  Fields& literal(std::string_view name, std::string value) {
    line_.push_back({name, std::move(value), log::As::literal});
    return *this;
  }
  Fields& number(std::string_view name, std::uint64_t value) { return literal(name, std::to_string(value)); }
  Fields& flag(std::string_view name, bool value) { return literal(name, value ? "true" : "false"); }
  Fields& seconds(std::string_view name, std::chrono::nanoseconds value) {
    return literal(name, fmt::format("{:.6f}", std::chrono::duration<double>(value).count()));
  }
  Fields& none(std::string_view name) { return literal(name, "null"); }
  [[nodiscard]] std::vector<log::Field> take() { return std::move(line_); }

 private:
  std::vector<log::Field> line_;
};

void caller_fields(Fields& out, const authz::Caller& caller) {
  out.number("uid", caller.credentials.uid)
      .number("gid", caller.credentials.gid)
      .number("pid", static_cast<std::uint64_t>(caller.credentials.pid))
      .text("executable", caller.executable);
}

/// What is the same for a session and a refused handshake.
void connection_fields(Fields& out, const Connection& c) {
  out.text("role", wire::role_word(c.role))
      .text("transport", c.peer_address.transport())
      .text("peerAddress", c.peer_address.text())
      .text("service", c.request.service);
  caller_fields(out, c.caller);
}

void identity_fields(Fields& out, const Connection& c, const std::string& local) {
  out.text("localIdentity", local)
      .text("expectedIdentity", c.request.remote_identity)
      .text("remoteIdentity", c.proved().identity)
      .text("verifiedBy", c.proved().how)
      .text("policy", c.reasons().decided_by.policy)
      .text("rule", c.reasons().decided_by.rule);
}

void tls_fields(Fields& out, const Connection& c, SSL* ssl) {
  const bool agreed = ssl != nullptr && SSL_get_current_cipher(ssl) != nullptr;
  if (!agreed) {
    out.none("version").none("cipherSuite").none("group").none("alpn").none("resumed");
  } else {
    const tls::Agreed with = tls::agreed_on(ssl);
    out.text("version", with.tls13 ? "tls13" : "tls12")
        .text("cipherSuite", with.cipher_suite)
        .text("group", with.group)
        .text("alpn", with.alpn)
        .flag("resumed", c.resumed(ssl));
  }
  out.text("sharedKey", c.shared_key ? c.shared_key->key_id : std::string{});
}

std::string_view word(ExchangeOutcome outcome) {
  switch (outcome) {
    case ExchangeOutcome::finished: return "finished";
    case ExchangeOutcome::failed: return "failed";
    case ExchangeOutcome::cancelled: return "cancelled";
    case ExchangeOutcome::expired: return "expired";
  }
  return {};
}

}  // namespace

void Audit::set(wire::AuditSetup setup, UniqueFd out) {
  setup_ = std::move(setup);
  out_ = std::move(out);
  complained_ = false;
}

bool Audit::wanted() const {
  switch (setup_.to) {
    case wire::AuditTo::log: return log::level() <= log::Level::info;
    case wire::AuditTo::nowhere: return false;
    case wire::AuditTo::file:
    case wire::AuditTo::journal: return true;
  }
  return false;
}

void Audit::session_ended(Session& session) {
  if (!wanted()) return;
  const Connection& c = session.connection();
  const State state = session.state();
  const wire::Value told = state.value();
  Fields out;
  out.text("pool", setup_.pool).text("outcome", "ended").text("session", session.id());
  connection_fields(out, c);
  identity_fields(out, c, session.shown_identity());
  tls_fields(out, c, session.pump().ssl());
  out.text("started", log::timestamp(std::chrono::system_clock::now() - session.length()))
      .seconds("handshakeSeconds", c.handshake_took)
      .seconds("sessionSeconds", session.length())
      .number("bytesSent", state.sent)
      .number("bytesReceived", state.received)
      .text("end", told.text("state"))
      .none("reason")
      .none("check")
      .none("alertSent")
      .none("alertReceived")
      .text("message", state.outcome.detail);
  write(session_event, out.take());
}

void Audit::refused(const Connection& c, const SSL* ssl, const HandshakeFailure& failure, counters::Clock::duration took) {
  if (!wanted()) return;
  Fields out;
  out.text("pool", setup_.pool).text("outcome", "refused").none("session");
  connection_fields(out, c);
  identity_fields(out, c, c.local_identity);
  tls_fields(out, c, const_cast<SSL*>(ssl));
  out.text("started", log::timestamp(std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::milliseconds>(took)))
      .seconds("handshakeSeconds", took)
      .none("sessionSeconds")
      .none("bytesSent")
      .none("bytesReceived")
      .none("end")
      .text("reason", failure.reason)
      .text("check", failure.check)
      .text("alertSent", failure.alert_sent)
      .text("alertReceived", failure.alert_received)
      .text("message", failure.message);
  write(session_event, out.take());
}

void Audit::left(const Handshake& handshake) {
  refused(handshake.connection(), handshake.ssl(), {"left", "the program left before the handshake had ended"}, handshake.took());
}

void Audit::identity_refused(const authz::Caller& caller, const std::string& identity, const std::string& role) {
  if (!wanted()) return;
  Fields out;
  out.text("pool", setup_.pool).text("outcome", "refused").none("session").text("role", role).none("transport").none("peerAddress").none("service");
  caller_fields(out, caller);
  out.text("localIdentity", identity).none("expectedIdentity").none("remoteIdentity").none("verifiedBy").none("policy").none("rule");
  out.none("version").none("cipherSuite").none("group").none("alpn").none("resumed").none("sharedKey");
  out.text("started", log::timestamp(std::chrono::system_clock::now()));
  out.none("handshakeSeconds").none("sessionSeconds").none("bytesSent").none("bytesReceived").none("end");
  out.text("reason", "identity").none("check").none("alertSent").none("alertReceived");
  out.text("message", "this program may not use the identity in this role, or there is none of this name");
  write(session_event, out.take());
}

void Audit::exchange_ended(const ExchangeEnd& end) {
  if (!wanted()) return;
  const Connection* c = end.connection;
  Fields out;
  out.text("pool", setup_.pool)
      .text("outcome", word(end.outcome))
      .text("exchange", end.id)
      .text("messageId", end.message_id)
      .number("step", static_cast<std::uint64_t>(end.step))
      .text("role", c == nullptr ? "" : wire::role_word(c->role));
  caller_fields(out, end.caller);
  out.text("localIdentity", end.request.local_identity)
      .text("expectedIdentity", end.request.remote_identity)
      .text("remoteIdentity", c == nullptr ? "" : c->proved().identity)
      .text("verifiedBy", c == nullptr ? "" : c->proved().how)
      .text("remotePin", end.remote_pin)
      .text("policy", c == nullptr ? "" : c->reasons().decided_by.policy)
      .text("rule", c == nullptr ? "" : c->reasons().decided_by.rule);
  if (end.ssl == nullptr) {
    out.none("cipherSuite").none("group");
  } else {
    const tls::Agreed with = tls::agreed_on(end.ssl);
    out.text("cipherSuite", with.cipher_suite).text("group", with.group);
  }
  out.text("sharedKey", c != nullptr && c->shared_key ? c->shared_key->key_id : std::string{})
      .text("started", log::timestamp(std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::milliseconds>(end.length)))
      .seconds("exchangeSeconds", end.length);
  const HandshakeFailure none;
  const HandshakeFailure& failure = end.failure == nullptr ? none : *end.failure;
  out.text("reason", failure.reason)
      .text("check", failure.check)
      .text("alertSent", failure.alert_sent)
      .text("alertReceived", failure.alert_received)
      .text("message", failure.message);
  write(exchange_event, out.take());
}

void Audit::exchange_refused(const authz::Caller& caller, const ExchangeRequest& request) {
  HandshakeFailure why;
  why.reason = "identity";
  why.message = "this program may not use the identity as client and as server, or there is none of this name";
  exchange_ended({ExchangeOutcome::failed, {}, {}, 0, caller, request, nullptr, nullptr, {}, {}, &why});
}

void Audit::write(std::string_view event, const Line& line) {
  if (setup_.to == wire::AuditTo::log) {
    counters::count<counters::Family::audit_lines>(counters::Written::written);
    return log::write(log::Level::info, event, line);
  }
  if (!out_.valid()) return lose("nothing was opened for them");
  std::string text = log::json_line(event, line);
  if (setup_.to == wire::AuditTo::file) {
    text += '\n';
    // One write for each line: workers share the file, and the kernel appends each write as a whole.
    const ssize_t n = ::write(out_.get(), text.data(), text.size());
    if (n != static_cast<ssize_t>(text.size())) return lose(n < 0 ? std::strerror(errno) : "there was not room for a whole line");
    return counters::count<counters::Family::audit_lines>(counters::Written::written);
  }
  // The journal's own protocol: NAME=value lines, and no value of ours has a line end.
  text = "MESSAGE=" + text + "\nPRIORITY=6\nSYSLOG_IDENTIFIER=tlspool-audit\n";
  if (send(out_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return lose(std::strerror(errno));
  counters::count<counters::Family::audit_lines>(counters::Written::written);
}

// Said once for each setup; how many there were is counted.
void Audit::lose(const char* why) {
  counters::count<counters::Family::audit_lines>(counters::Written::lost);
  if (!std::exchange(complained_, true)) log::error("audit.lost", {{"reason", why}, {"advice", "see [log] audit in tlspool.toml"}});
}

}  // namespace tlspool::worker
