// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "base/contains.h"
#include "cli/top.h"

namespace tlspool::cli {
namespace {

/// Numbers of two looks, and the time between them.
struct Pair {
  const TopLook* before;
  const TopLook& now;
  double seconds;

  [[nodiscard]] double rate(std::string_view metric, std::string_view label = {}, std::string_view value = {}) const {
    if (seconds <= 0) return 0;
    // A daemon that was started again counts from zero.
    return static_cast<double>(std::max<std::int64_t>(0, now.total(metric, label, value) - before->total(metric, label, value))) / seconds;
  }
};

bool has(const TopNumber& number, std::string_view label, std::string_view value) {
  if (label.empty()) return true;
  const auto found = number.labels.find(label);
  return found != number.labels.end() && found->second == value;
}

/// Buckets of all series with this label, added up.
TopNumber gathered(const TopLook& look, std::string_view metric, std::string_view label, std::string_view value) {
  TopNumber out;
  const auto [from, to] = look.numbers.equal_range(metric);
  for (auto at = from; at != to; ++at) {
    if (!has(at->second, label, value)) continue;
    out.bounds = at->second.bounds;
    out.buckets.resize(std::max(out.buckets.size(), at->second.buckets.size()));
    for (std::size_t i = 0; i < at->second.buckets.size(); ++i) out.buckets[i] += at->second.buckets[i];
  }
  return out;
}

std::int64_t quantile(const TopNumber& of, std::int64_t count, double q) {
  const auto wanted = static_cast<std::int64_t>(q * static_cast<double>(count - 1)) + 1;
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < of.buckets.size(); ++i) {
    seen += of.buckets[i];
    if (seen >= wanted) return i < of.bounds.size() ? of.bounds[i] : -1;
  }
  return -1;
}

std::int64_t count_of(const TopNumber& of) {
  std::int64_t out = 0;
  for (const std::int64_t n : of.buckets) out += n;
  return out;
}

TopLatency latency(const Pair& pair, std::string_view metric, std::string_view label = {}, std::string_view value = {}) {
  TopNumber all = gathered(pair.now, metric, label, value);
  if (pair.before != nullptr) {
    TopNumber recent = all;
    const TopNumber old = gathered(*pair.before, metric, label, value);
    for (std::size_t i = 0; i < std::min(recent.buckets.size(), old.buckets.size()); ++i) recent.buckets[i] = std::max<std::int64_t>(0, recent.buckets[i] - old.buckets[i]);
    if (count_of(recent) > 0) all = std::move(recent);
  }
  const std::int64_t count = count_of(all);
  return count == 0 ? TopLatency{} : TopLatency{count, quantile(all, count, 0.5), quantile(all, count, 0.99)};
}

std::vector<std::string> values_of(const TopLook& look, std::string_view metric, std::string_view label) {
  std::vector<std::string> out;
  const auto [from, to] = look.numbers.equal_range(metric);
  for (auto at = from; at != to; ++at) {
    const auto found = at->second.labels.find(label);
    if (found != at->second.labels.end() && !contains(out, found->second)) out.push_back(found->second);
  }
  return out;
}

void add_rates(const Pair& pair, std::vector<TopSession>& sessions) {
  if (pair.seconds <= 0) return;
  std::unordered_map<std::string, const TopSession*> old;
  for (const TopSession& session : pair.before->sessions) old[session.id] = &session;
  for (TopSession& session : sessions) {
    const auto found = old.find(session.id);
    const std::uint64_t sent = found == old.end() ? 0 : found->second->sent;
    const std::uint64_t received = found == old.end() ? 0 : found->second->received;
    session.sent_rate = static_cast<double>(session.sent - std::min(sent, session.sent)) / pair.seconds;
    session.received_rate = static_cast<double>(session.received - std::min(received, session.received)) / pair.seconds;
  }
}

void sort_sessions(std::vector<TopSession>& sessions, TopSort sort) {
  const auto before = [sort](const TopSession& a, const TopSession& b) {
    switch (sort) {
      case TopSort::rate: return a.sent_rate + a.received_rate > b.sent_rate + b.received_rate;
      case TopSort::total: return a.sent + a.received > b.sent + b.received;
      case TopSort::age: return a.started < b.started;
      case TopSort::peer: return a.remote_identity < b.remote_identity;
    }
    return false;
  };
  std::ranges::sort(sessions, {}, &TopSession::id);  // so that equal ones keep their places from look to look
  std::ranges::stable_sort(sessions, before);
}

}  // namespace

std::int64_t TopLook::total(std::string_view metric, std::string_view label, std::string_view value) const {
  std::int64_t out = 0;
  const auto [from, to] = numbers.equal_range(metric);
  for (auto at = from; at != to; ++at) out += has(at->second, label, value) ? at->second.value : 0;
  return out;
}

TopView compare(const TopLook* before, TopLook now, TopSort sort) {
  TopView out;
  if (before != nullptr && now.at_ms > before->at_ms) out.seconds = static_cast<double>(now.at_ms - before->at_ms) / 1000;
  const Pair pair{out.seconds > 0 ? before : nullptr, now, out.seconds};
  out.handshakes = pair.rate("tlspool_handshakes_total");
  out.bytes_in = pair.rate("tlspool_session_bytes_total", "direction", "in");
  out.bytes_out = pair.rate("tlspool_session_bytes_total", "direction", "out");
  out.verdicts = pair.rate("tlspool_verdicts_total");
  for (const std::string& name : values_of(now, "tlspool_handshakes_total", "outcome")) {
    out.outcomes.push_back({name, now.total("tlspool_handshakes_total", "outcome", name), pair.rate("tlspool_handshakes_total", "outcome", name)});
  }
  std::ranges::stable_sort(out.outcomes, std::ranges::greater{}, &TopOutcome::total);
  std::vector<std::string> tokens = values_of(now, "tlspool_token_ready", "token");
  for (std::string& name : values_of(now, "tlspool_token_signatures_total", "token")) {
    if (!contains(tokens, name)) tokens.push_back(std::move(name));
  }
  for (const std::string& name : tokens) {
    TopToken& token = out.tokens.emplace_back();
    token.name = name;
    token.ready = now.total("tlspool_token_ready", "token", name) > 0;
    token.rate = pair.rate("tlspool_token_signatures_total", "token", name);
    const auto [from, to] = now.numbers.equal_range("tlspool_token_signatures_total");
    for (auto at = from; at != to; ++at) {
      if (!has(at->second, "token", name)) continue;
      if (has(at->second, "result", "refused")) token.refused += at->second.value;
      if (has(at->second, "result", "failed")) token.failed += at->second.value;
    }
    token.latency = latency(pair, "tlspool_token_signature_duration_seconds", "token", name);
  }
  out.handshake = latency(pair, "tlspool_handshake_duration_seconds");
  out.keeper = latency(pair, "tlspool_keeper_wait_seconds");
  out.judge = latency(pair, "tlspool_judge_wait_seconds");
  add_rates(pair, now.sessions);
  if (now.sees == TopLook::Sees::own) {
    for (const TopSession& session : now.sessions) {
      out.bytes_in += session.received_rate;
      out.bytes_out += session.sent_rate;
    }
  }
  sort_sessions(now.sessions, sort);
  out.now = std::move(now);
  return out;
}

}  // namespace tlspool::cli
