// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "cli/output.h"
#include "cli/top.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_shown = 40;

std::string time_of(std::int64_t us) {
  if (us < 0) return "more than 30 s";
  if (us < 1000) return fmt::format("{} us", us);
  return us < 1'000'000 ? fmt::format("{:g} ms", static_cast<double>(us) / 1000) : fmt::format("{:g} s", static_cast<double>(us) / 1'000'000);
}

std::string text_of(const TopLatency& latency) {
  return latency.count == 0 ? "none yet" : fmt::format("half within {}, 99 % within {}", time_of(latency.p50_us), time_of(latency.p99_us));
}

std::string bytes_a_second(double rate) { return byte_count(static_cast<std::uint64_t>(rate)) + "/s"; }

const char* word(TopSort sort) {
  switch (sort) {
    case TopSort::rate: return "bytes a second";
    case TopSort::total: return "bytes";
    case TopSort::age: return "age";
    case TopSort::peer: return "peer";
  }
  return "";
}

std::vector<std::string> head_of_all(const TopView& v) {
  const TopLook& now = v.now;
  std::vector<std::string> out;
  out.push_back(fmt::format("sessions    {} as client, {} as server; {} in, {} out", now.total("tlspool_sessions", "role", "client"),
                            now.total("tlspool_sessions", "role", "server"), bytes_a_second(v.bytes_in), bytes_a_second(v.bytes_out)));
  std::string outcomes;
  for (const TopOutcome& o : v.outcomes) outcomes += fmt::format(", {} {} ({:.1f}/s)", printable(o.name, longest_shown), o.total, o.rate);
  out.push_back(fmt::format("handshakes  {:.1f}/s, {} under way{}", v.handshakes, now.total("tlspool_handshakes_in_flight"), outcomes));
  out.push_back("            took: " + text_of(v.handshake));
  out.push_back("            waited for a signature: " + text_of(v.keeper));
  out.push_back(fmt::format("judge       {:.1f}/s; waited for: {}", v.verdicts, text_of(v.judge)));
  for (const TopToken& t : v.tokens) {
    out.push_back(fmt::format("token       {}: {}, {:.1f}/s, {}{}{}", printable(t.name, longest_shown), t.ready ? "ready" : "NOT READY", t.rate, text_of(t.latency),
                              t.refused > 0 ? fmt::format(", {} refused", t.refused) : "", t.failed > 0 ? fmt::format(", {} failed", t.failed) : ""));
  }
  std::string processes;
  for (const TopProcess& p : now.processes) {
    processes += fmt::format("{}{} {}", processes.empty() ? "" : ", ", printable(p.name, longest_shown), p.pid);
    if (p.restarts > 0) processes += fmt::format(" (STARTED AGAIN {} TIMES)", p.restarts);
  }
  out.push_back("processes   " + processes);
  const std::int64_t limits = now.total("tlspool_limits_reached_total");
  const std::int64_t refused = now.total("tlspool_calls_refused_total");
  if (limits > 0 || refused > 0) out.push_back(fmt::format("refused     {} calls; limits were reached {} times", refused, limits));
  return out;
}

std::vector<std::string> session_lines(const TopLook& now, std::size_t rows) {
  std::vector<std::vector<std::string>> cells;
  const std::int64_t wall = std::time(nullptr);
  for (const TopSession& s : now.sessions) {
    if (cells.size() == rows) break;
    const auto name = [](const std::string& text) { return or_dash(text, longest_shown); };
    cells.push_back({name(s.id).substr(0, 12), name(s.role), name(s.local_identity), name(s.remote_identity), name(s.service), name(s.version),
                     fmt::format("{}/{}", s.uid, s.pid), name(s.program), duration(wall - s.started), bytes_a_second(s.sent_rate),
                     bytes_a_second(s.received_rate), byte_count(s.sent), byte_count(s.received)});
  }
  return split(table({"ID", "ROLE", "LOCAL", "REMOTE", "SERVICE", "TLS", "UID/PID", "PROGRAM", "AGE", "OUT/S", "IN/S", "OUT", "IN"}, cells), '\n');
}

wire::Value json_of(const TopLatency& l) {
  return wire::Value::object().set("count", l.count).set("p50Microseconds", l.p50_us).set("p99Microseconds", l.p99_us);
}

}  // namespace

std::vector<std::string> top_lines(const TopView& v, std::size_t columns, std::size_t rows, TopSort sort) {
  const bool own = v.now.sees == TopLook::Sees::own;
  std::vector<std::string> out;
  out.push_back(fmt::format("tlspool top - {} - {}{}", printable(v.now.pool, 200), timestamp(std::time(nullptr)), own ? " - your own sessions" : ""));
  if (own) {
    out.push_back(fmt::format("sessions    {}; {} in, {} out", v.now.open, bytes_a_second(v.bytes_in), bytes_a_second(v.bytes_out)));
  } else {
    std::ranges::move(head_of_all(v), std::back_inserter(out));
  }
  out.push_back(fmt::format("{} sessions, by {}", v.now.open, word(sort)));
  const std::size_t room = rows > out.size() + 1 ? rows - out.size() - 1 : 0;
  for (std::string& line : session_lines(v.now, room)) {
    if (!line.empty()) out.push_back(std::move(line));
  }
  if (out.size() > rows) out.resize(rows);
  for (std::string& line : out) line = line.substr(0, columns);
  return out;
}

wire::Value top_json(const TopView& v) {
  wire::Value outcomes = wire::Value::object();
  for (const TopOutcome& o : v.outcomes) outcomes.set(o.name, wire::Value::object().set("total", o.total).set("perSecond", o.rate));
  wire::Value tokens = wire::Value::array();
  for (const TopToken& t : v.tokens) {
    tokens.push(wire::Value::object().set("name", t.name).set("ready", t.ready).set("perSecond", t.rate).set("refused", t.refused).set("failed", t.failed).set("latency", json_of(t.latency)));
  }
  wire::Value processes = wire::Value::array();
  for (const TopProcess& p : v.now.processes) processes.push(wire::Value::object().set("name", p.name).set("pid", p.pid).set("restarts", p.restarts));
  wire::Value sessions = wire::Value::array();
  for (const TopSession& s : v.now.sessions) {
    wire::Value row = wire::value_of(s);
    row.set("program", wire::or_null(s.program));
    row.set("sentPerSecond", s.sent_rate).set("receivedPerSecond", s.received_rate);
    sessions.push(std::move(row));
  }
  return wire::Value::object()
      .set("pool", v.now.pool)
      .set("sees", v.now.sees == TopLook::Sees::own ? "own" : "all")
      .set("seconds", v.seconds)
      .set("openSessions", v.now.open)
      .set("handshakesPerSecond", v.handshakes)
      .set("handshakesInFlight", v.now.total("tlspool_handshakes_in_flight"))
      .set("outcomes", std::move(outcomes))
      .set("bytesInPerSecond", v.bytes_in)
      .set("bytesOutPerSecond", v.bytes_out)
      .set("verdictsPerSecond", v.verdicts)
      .set("handshakeLatency", json_of(v.handshake))
      .set("keeperWait", json_of(v.keeper))
      .set("judgeWait", json_of(v.judge))
      .set("tokens", std::move(tokens))
      .set("processes", std::move(processes))
      .set("sessions", std::move(sessions));
}

}  // namespace tlspool::cli
