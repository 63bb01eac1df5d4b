// SPDX-License-Identifier: Apache-2.0
// The text that Prometheus reads (exposition format 0.0.4). Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "counters/page.h"

namespace tlspool::counters {

/// What /proc/PID/stat tells of a process (proc(5)).
struct ProcessFacts {
  std::uint64_t cpu_ticks = 0;    ///< in user and kernel mode
  std::uint64_t threads = 0;
  std::uint64_t start_ticks = 0;  ///< since the machine began
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};
[[nodiscard]] std::optional<ProcessFacts> parse_stat(std::string_view text);

struct ProcessRow {
  std::string name;  ///< "keeper", "worker-0"
  ProcessFacts facts;
};

/// What of the machine the facts are counted in.
struct Machine {
  std::uint64_t ticks_a_second = 100;
  std::uint64_t page_bytes = 4096;
  std::int64_t booted = 0;  ///< seconds since 1970
};

struct Exposition {
  std::string_view version;
  std::span<const Slot* const> pages;     ///< their sums are shown
  std::span<const std::string> tokens;    ///< names by number; empty: no such token
  std::span<const ProcessRow> processes;
  Machine machine;
};

using Labels = std::vector<std::pair<std::string_view, std::string>>;
/// Of one combination, counted as they lie in a page; nothing for a token that there is not.
[[nodiscard]] std::optional<Labels> labels_of(const Descriptor& of, std::size_t series, std::span<const std::string> tokens);

/// A number of one family for all pages together.
[[nodiscard]] std::uint64_t sum(std::span<const Slot* const> pages, std::size_t slot);
[[nodiscard]] std::string text(const Exposition& of);

}  // namespace tlspool::counters
