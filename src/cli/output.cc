// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.h"

namespace tlspool::cli {

std::string table(const std::vector<std::string>& heading, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const std::string& cell : heading) width.push_back(cell.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) text += fmt::format("{:<{}}  ", cells[i], width[i]);
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(heading);
  for (const auto& row : rows) line(row);
  return out;
}

std::string duration(std::int64_t seconds) {
  struct Unit {
    std::int64_t size;
    const char* name;
  };
  constexpr std::array<Unit, 4> units{{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  std::string out;
  for (const Unit& unit : units) {
    if (seconds < unit.size) {
      if (!out.empty()) break;
      continue;
    }
    const bool second = !out.empty();
    out += fmt::format("{}{} {}", second ? " " : "", seconds / unit.size, unit.name);
    seconds %= unit.size;
    if (second) break;
  }
  return out.empty() ? "0 s" : out;
}

std::string timestamp(std::int64_t seconds) {
  const std::time_t when = seconds;
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string day_of(std::int64_t seconds) { return timestamp(seconds).substr(0, 10); }

std::string byte_count(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string or_dash(std::string_view text, std::size_t limit) { return text.empty() ? "-" : printable(text, limit); }

std::string or_dash(const wire::Value& row, std::string_view member) { return or_dash(row.text(member)); }

const wire::Value::Array& elements(const wire::Value& of, std::string_view member) {
  static const wire::Value::Array none;
  const wire::Value* found = of.find(member);
  return found != nullptr && found->elements() != nullptr ? *found->elements() : none;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const wire::Value& value) { print(wire::to_json(value) + "\n"); }

}  // namespace tlspool::cli
