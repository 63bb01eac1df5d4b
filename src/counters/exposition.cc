// SPDX-License-Identifier: Apache-2.0
#include "counters/exposition.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>

namespace tlspool::counters {
namespace {

using Out = std::back_insert_iterator<std::string>;

/// Of processes, which are not in pages.
struct Measured {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::string (*value)(const ProcessFacts&, const Machine&);
};

std::string seconds(std::uint64_t microseconds) {
  return fmt::format("{}.{:06}", microseconds / 1'000'000, microseconds % 1'000'000);
}

constexpr std::array measured{
    Measured{"tlspool_process_cpu_seconds_total", "counter", "Processor time that a process of the pool has used.",
             [](const ProcessFacts& f, const Machine& m) { return fmt::format("{:.2f}", static_cast<double>(f.cpu_ticks) / static_cast<double>(m.ticks_a_second)); }},
    Measured{"tlspool_process_resident_memory_bytes", "gauge", "Memory of a process that is in use.",
             [](const ProcessFacts& f, const Machine& m) { return std::to_string(f.resident_pages * m.page_bytes); }},
    Measured{"tlspool_process_virtual_memory_bytes", "gauge", "Address space of a process.",
             [](const ProcessFacts& f, const Machine&) { return std::to_string(f.virtual_bytes); }},
    Measured{"tlspool_process_threads", "gauge", "Threads of a process.",
             [](const ProcessFacts& f, const Machine&) { return std::to_string(f.threads); }},
    Measured{"tlspool_process_start_time_seconds", "gauge", "When a process was started.",
             [](const ProcessFacts& f, const Machine& m) {
               return std::to_string(m.booted + static_cast<std::int64_t>(f.start_ticks / m.ticks_a_second));
             }},
};

constexpr std::string_view build_info = "tlspool_build_info";

std::string_view word(Type type) {
  switch (type) {
    case Type::counter: return "counter";
    case Type::gauge: return "gauge";
    case Type::histogram: return "histogram";
  }
  return "untyped";
}

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void head(Out out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(out, "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

// `role="client",version="tls13"`
std::string written(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value));
  return out;
}

void histogram(Out out, const Descriptor& d, const std::string& labels, std::span<const Slot* const> pages, std::size_t at) {
  const std::string more = labels.empty() ? "" : labels + ",";
  const std::string braced = labels.empty() ? "" : "{" + labels + "}";
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= d.bounds.size(); ++i) {
    total += sum(pages, at + i);
    const std::string bound = i < d.bounds.size() ? fmt::format("{}", static_cast<double>(d.bounds[i]) / 1e6) : "+Inf";
    fmt::format_to(out, "{}_bucket{{{}le=\"{}\"}} {}\n", d.name, more, bound, total);
  }
  fmt::format_to(out, "{}_sum{} {}\n{}_count{} {}\n", d.name, braced, seconds(sum(pages, at + d.bounds.size() + 1)), d.name, braced, total);
}

void family(Out out, const Descriptor& d, const Exposition& of) {
  head(out, d.name, word(d.type), d.help);
  for (std::size_t series = 0; series < d.series(); ++series) {
    const auto named = labels_of(d, series, of.tokens);
    if (!named) continue;
    const std::string labels = written(*named);
    const std::size_t at = first_slots[static_cast<std::size_t>(d.family)] + series * d.width();
    if (d.type == Type::histogram) {
      histogram(out, d, labels, of.pages, at);
      continue;
    }
    const std::string braced = labels.empty() ? "" : "{" + labels + "}";
    const std::uint64_t value = sum(of.pages, at);
    if (d.type == Type::gauge) {
      fmt::format_to(out, "{}{} {}\n", d.name, braced, static_cast<std::int64_t>(value));
    } else {
      fmt::format_to(out, "{}{} {}\n", d.name, braced, value);
    }
  }
}

}  // namespace

std::optional<Labels> labels_of(const Descriptor& d, std::size_t series, std::span<const std::string> tokens) {
  Labels out(d.labels.count);
  for (std::size_t i = out.size(); i-- > 0;) {
    const Label& label = *d.labels.at[i];
    const std::size_t value = series % label.size();
    series /= label.size();
    if (label.words.empty() && (value >= tokens.size() || tokens[value].empty())) return std::nullopt;
    out[i] = {label.name, label.words.empty() ? tokens[value] : std::string(label.words[value])};
  }
  return out;
}

std::uint64_t sum(std::span<const Slot* const> pages, std::size_t slot) {
  std::uint64_t out = 0;
  for (const Slot* page : pages) out += page[slot].load(std::memory_order_relaxed);
  return out;
}

std::optional<ProcessFacts> parse_stat(std::string_view text) {
  // The name stands in parentheses and may have any characters, so fields are counted from behind it: the next is the third.
  const auto end = text.rfind(')');
  if (end == std::string_view::npos) return std::nullopt;
  std::array<std::uint64_t, 25> fields{};
  std::string_view rest = text.substr(end + 1);
  for (std::size_t number = 3; number < fields.size(); ++number) {
    const auto from = rest.find_first_not_of(" \n");
    if (from == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(from);
    // Those that are no natural numbers (the state, priorities) are not asked for.
    (void)std::from_chars(rest.data(), rest.data() + rest.size(), fields[number]);
    rest.remove_prefix(std::min(rest.find_first_of(" \n"), rest.size()));
  }
  return ProcessFacts{fields[14] + fields[15], fields[20], fields[22], fields[23], fields[24]};
}

std::string text(const Exposition& of) {
  std::string text;
  text.reserve(64 * 1024);
  const Out out{text};
  head(out, build_info, "gauge", "1; the label says which version of TLS Pool this is.");
  fmt::format_to(out, "{}{{version=\"{}\"}} 1\n", build_info, escaped(of.version));
  for (const Descriptor& d : table) family(out, d, of);
  for (const Measured& m : measured) {
    head(out, m.name, m.type, m.help);
    for (const ProcessRow& row : of.processes) {
      fmt::format_to(out, "{}{{process=\"{}\"}} {}\n", m.name, escaped(row.name), m.value(row.facts, of.machine));
    }
  }
  return text;
}

}  // namespace tlspool::counters
