// SPDX-License-Identifier: Apache-2.0
// Every metric of the pool, and where its numbers lie in a page (page.h). One layout for all processes: each counts what is its own,
// and the sum over their pages is the pool's.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "counters/words.h"

namespace tlspool::counters {

enum class Family : std::uint8_t {
  // worker
  handshakes, handshake_checks, handshake_time, handshakes_in_flight, keeper_wait, judge_wait,
  sessions, session_ends, session_length, bytes, refusals, limits, control_connections, resumption_lookups, audit_lines,
  // keeper
  signatures, signature_time, token_ready, shared_keys, shared_keys_left, shared_keys_low,
  // judge
  verdicts, verdict_time, outcome_cache, outcome_cache_entries, outcome_cache_put, outcome_cache_worthless,
  // fetcher
  fetches, fetch_time,
  // supervisor
  restarts, sandbox_refusals, reloads, last_reload,
  // metrics
  scrapes,
};

enum class Type : std::uint8_t { counter, gauge, histogram };

/// Of a descriptor. Their number is counted where they are written: to a sanitized g++ no address of an inline variable is surely not null.
struct LabelList {
  std::array<const Label*, 3> at{};
  std::size_t count = 0;
  template <class... L>
  constexpr LabelList(const L*... labels) : at{labels...}, count(sizeof...(L)) {}
};

struct Descriptor {
  Family family;
  Type type;
  std::string_view name;
  std::string_view help;
  LabelList labels{};
  std::span<const std::uint64_t> bounds{};  ///< of a histogram: the upper ends of its buckets but the last, microseconds
  /// Numbers for each combination of labels: a histogram has its buckets and the sum.
  [[nodiscard]] constexpr std::size_t width() const { return type == Type::histogram ? bounds.size() + 2 : 1; }
  [[nodiscard]] constexpr std::size_t series() const {
    std::size_t out = 1;
    for (std::size_t i = 0; i < labels.count; ++i) out *= labels.at[i]->size();
    return out;
  }
};

/// From a signature of a fast token to the longest deadline.
inline constexpr std::array<std::uint64_t, 18> short_times{50,      100,     250,     500,     1'000,     2'500,     5'000,      10'000,     25'000,
                                                           50'000,  100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};
/// From a request to a connection that stays for weeks.
inline constexpr std::array<std::uint64_t, 9> long_times{100'000,       1'000'000,      10'000'000,      60'000'000,     600'000'000,
                                                         3'600'000'000, 21'600'000'000, 86'400'000'000, 604'800'000'000};

inline constexpr std::array table{
    Descriptor{Family::handshakes, Type::counter, "tlspool_handshakes_total", "Handshakes that ended, by how.",
               {&label<Role>, &label<Version>, &label<Outcome>}},
    Descriptor{Family::handshake_checks, Type::counter, "tlspool_handshake_checks_failed_total", "Peers that a check refused, by the check.",
               {&label<Role>, &label<Check>}},
    Descriptor{Family::handshake_time, Type::histogram, "tlspool_handshake_duration_seconds",
               "From the program's call to the end of the handshake, where it ended well.", {&label<Role>}, short_times},
    Descriptor{Family::handshakes_in_flight, Type::gauge, "tlspool_handshakes_in_flight", "Handshakes under way."},
    Descriptor{Family::keeper_wait, Type::histogram, "tlspool_keeper_wait_seconds", "How long handshakes waited for a signature.", {}, short_times},
    Descriptor{Family::judge_wait, Type::histogram, "tlspool_judge_wait_seconds", "How long handshakes waited for a verdict.", {}, short_times},
    Descriptor{Family::sessions, Type::gauge, "tlspool_sessions", "Open sessions.", {&label<Role>}},
    Descriptor{Family::session_ends, Type::counter, "tlspool_sessions_ended_total", "Sessions that ended, by how.", {&label<Role>, &label<SessionEnd>}},
    Descriptor{Family::session_length, Type::histogram, "tlspool_session_duration_seconds", "How long sessions lasted that ended.", {}, long_times},
    Descriptor{Family::bytes, Type::counter, "tlspool_session_bytes_total", "Plaintext that came from peers (in) and went to them (out).",
               {&label<Direction>}},
    Descriptor{Family::refusals, Type::counter, "tlspool_calls_refused_total", "Calls of programs that were refused before a handshake began.",
               {&label<Refusal>}},
    Descriptor{Family::limits, Type::counter, "tlspool_limits_reached_total", "Times that a limit stood in the way.", {&label<Limit>}},
    Descriptor{Family::control_connections, Type::gauge, "tlspool_control_connections", "Connections of programs to the workers."},
    Descriptor{Family::resumption_lookups, Type::counter, "tlspool_resumption_lookups_total",
               "Looks of clients for a session to resume.", {&label<Lookup>}},
    Descriptor{Family::audit_lines, Type::counter, "tlspool_audit_lines_total", "Audit lines that were written, and that could not be.",
               {&label<Written>}},
    Descriptor{Family::signatures, Type::counter, "tlspool_token_signatures_total", "What tokens were asked to sign, and whether they did.",
               {&label<Token>, &label<Mechanism>, &label<SignResult>}},
    Descriptor{Family::signature_time, Type::histogram, "tlspool_token_signature_duration_seconds", "How long a token took to sign.", {&label<Token>},
               short_times},
    Descriptor{Family::token_ready, Type::gauge, "tlspool_token_ready", "1 where the token is logged in and signs.", {&label<Token>}},
    Descriptor{Family::shared_keys, Type::counter, "tlspool_shared_keys_total", "What became of shared keys.", {&label<KeyEvent>}},
    Descriptor{Family::shared_keys_left, Type::gauge, "tlspool_shared_keys_left", "One-time keys that tokens still have, as far as was seen.", {&label<Role>}},
    Descriptor{Family::shared_keys_low, Type::gauge, "tlspool_shared_keys_low", "Peers and directions whose one-time keys run low."},
    Descriptor{Family::verdicts, Type::counter, "tlspool_verdicts_total", "Verdicts of the judge.", {&label<Stage>, &label<Verdict>, &label<Source>}},
    Descriptor{Family::verdict_time, Type::histogram, "tlspool_verdict_duration_seconds", "How long the judge took for a verdict.", {&label<Source>},
               short_times},
    Descriptor{Family::outcome_cache, Type::counter, "tlspool_outcome_cache_lookups_total", "Looks for a remembered outcome in the judge's own memory.",
               {&label<Lookup>}},
    Descriptor{Family::outcome_cache_entries, Type::gauge, "tlspool_outcome_cache_entries", "Outcomes that the judge remembers."},
    Descriptor{Family::outcome_cache_put, Type::counter, "tlspool_outcome_cache_put_total", "Outcomes that were given to the cluster's memcached."},
    Descriptor{Family::outcome_cache_worthless, Type::counter, "tlspool_outcome_cache_worthless_total",
               "Entries from memcached that nobody of the cluster made, or that are too old."},
    Descriptor{Family::fetches, Type::counter, "tlspool_key_fetches_total", "Requests to key management entities.", {&label<Fetch>}},
    Descriptor{Family::fetch_time, Type::histogram, "tlspool_key_fetch_duration_seconds", "How long key management entities took.", {}, short_times},
    Descriptor{Family::restarts, Type::counter, "tlspool_process_restarts_total", "Times that a process of the pool was started again after it died.",
               {&label<Kind>}},
    Descriptor{Family::sandbox_refusals, Type::counter, "tlspool_sandbox_refusals_total",
               "System calls of a process that its sandbox refused; each stands in the log.", {&label<Kind>}},
    Descriptor{Family::reloads, Type::counter, "tlspool_reloads_total", "Times that the configuration was read again.", {&label<Reload>}},
    Descriptor{Family::last_reload, Type::gauge, "tlspool_config_applied_timestamp_seconds", "When the configuration that is in force was applied."},
    Descriptor{Family::scrapes, Type::counter, "tlspool_metrics_requests_total", "Requests for these metrics that were answered with them."},
};

/// The first slot of each family, and behind them how many there are.
inline constexpr auto first_slots = [] {
  std::array<std::size_t, table.size() + 1> out{};
  for (std::size_t i = 0; i < table.size(); ++i) out[i + 1] = out[i] + table[i].series() * table[i].width();
  return out;
}();
inline constexpr std::size_t slot_count = first_slots[table.size()];

/// A descriptor stands at its family's place.
static_assert([] {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].family) != i) return false;
  }
  return true;
}());

/// Where the numbers of one combination of labels begin. A value that there is not counts as the last one.
template <Family F, class... L>
constexpr std::size_t slot(L... values) {
  constexpr const Descriptor& d = table[static_cast<std::size_t>(F)];
  static_assert(sizeof...(L) == d.labels.count, "one value for each label");
  static_assert([]<std::size_t... I>(std::index_sequence<I...>) { return ((d.labels.at[I] == &label<L>) && ...); }(std::index_sequence_for<L...>{}),
                "values in the order of the labels");
  std::size_t at = 0;
  ((at = at * label<L>.size() + std::min(static_cast<std::size_t>(values), label<L>.size() - 1)), ...);
  return first_slots[static_cast<std::size_t>(F)] + at * d.width();
}

}  // namespace tlspool::counters
