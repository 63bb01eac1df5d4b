// SPDX-License-Identifier: Apache-2.0
// What `tlspool top` shows: two looks at a pool, and the difference. Pure but for TopSource.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/paths.h"
#include "wire/session_row.h"

namespace tlspool::cli {

struct TopSession : wire::SessionRow {
  std::string program;  ///< name of the process; empty: it is gone, or not for us to see
  double sent_rate = 0;      ///< bytes a second
  double received_rate = 0;
};

/// A counter, a gauge or a histogram, by its labels' values.
struct TopNumber {
  std::map<std::string, std::string, std::less<>> labels;
  std::int64_t value = 0;
  std::vector<std::int64_t> buckets;
  std::vector<std::int64_t> bounds;  ///< microseconds
};

struct TopProcess {
  std::string name;
  std::int64_t pid = 0;
  std::int64_t restarts = 0;
};

/// One look.
struct TopLook {
  enum class Sees { all, own };
  Sees sees = Sees::all;
  std::string pool;
  std::int64_t at_ms = 0;
  std::multimap<std::string, TopNumber, std::less<>> numbers;  ///< by metric; none for an ordinary user
  std::vector<TopProcess> processes;
  std::vector<TopSession> sessions;
  std::size_t open = 0;  ///< `sessions` may be fewer

  /// The sum of all series of a metric that have this label.
  [[nodiscard]] std::int64_t total(std::string_view metric, std::string_view label = {}, std::string_view value = {}) const;
};

/// Quantiles of what happened between two looks, or since the start where nothing did.
struct TopLatency {
  std::int64_t count = 0;
  std::int64_t p50_us = 0;
  std::int64_t p99_us = 0;  ///< the upper ends of the buckets that they are in; -1: beyond the last
};

struct TopOutcome {
  std::string name;
  std::int64_t total = 0;
  double rate = 0;
};

struct TopToken {
  std::string name;
  bool ready = false;
  double rate = 0;  ///< signatures a second
  std::int64_t refused = 0;
  std::int64_t failed = 0;
  TopLatency latency;
};

enum class TopSort { rate, total, age, peer };

struct TopView {
  TopLook now;
  double seconds = 0;  ///< between the looks; 0: there was one only, and no rates
  double handshakes = 0;
  double bytes_in = 0;
  double bytes_out = 0;
  double verdicts = 0;
  std::vector<TopOutcome> outcomes;
  std::vector<TopToken> tokens;
  TopLatency handshake;
  TopLatency keeper;
  TopLatency judge;
};

[[nodiscard]] TopView compare(const TopLook* before, TopLook now, TopSort sort);
/// At most `rows` lines of at most `columns` characters, all of them printable: names come from the network.
[[nodiscard]] std::vector<std::string> top_lines(const TopView& view, std::size_t columns, std::size_t rows, TopSort sort);
[[nodiscard]] wire::Value top_json(const TopView& view);

/// Looks at everything where the caller is the pool's owner or root, else at the caller's own sessions.
class TopSource {
 public:
  explicit TopSource(config::Paths paths) : paths_(std::move(paths)) {}
  [[nodiscard]] Result<TopLook> look();

 private:
  [[nodiscard]] Result<TopLook> look_at_all();
  [[nodiscard]] Result<TopLook> look_at_own();

  config::Paths paths_;
  std::optional<TopLook::Sees> sees_;
};

}  // namespace tlspool::cli
