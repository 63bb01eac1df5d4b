// SPDX-License-Identifier: Apache-2.0
#include "supervisor/inherited.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/contains.h"
#include "counters/exposition.h"

namespace tlspool::supervisor {
namespace {

using counters::Family;
using counters::Type;
using wire::Value;

// Of other gauges there is one for the whole pool, which is not the sum.
constexpr std::array summed_gauges{Family::sessions, Family::handshakes_in_flight, Family::control_connections};

bool is_gauge_of_the_old(const counters::Descriptor& d) { return d.type == Type::gauge && contains(summed_gauges, d.family); }

std::string key_of(const std::string& name, const std::map<std::string, std::string>& labels) {
  std::string out = name;
  for (const auto& [label, value] : labels) out += "\n" + label + "\n" + value;
  return out;
}

std::map<std::string, const Value*> by_key(const Value& statistics) {
  std::map<std::string, const Value*> out;
  const Value* metrics = statistics.find("metrics");
  if (metrics == nullptr || metrics->elements() == nullptr) return out;
  for (const Value& metric : *metrics->elements()) {
    std::map<std::string, std::string> labels;
    const Value* named = metric.find("labels");
    if (named != nullptr && named->members() != nullptr) {
      for (const auto& [name, value] : *named->members()) labels[name] = value.string() != nullptr ? *value.string() : "";
    }
    out[key_of(metric.text("name"), labels)] = &metric;
  }
  return out;
}

/// The numbers as they lie in a page; empty where they do not fit it.
std::vector<std::uint64_t> numbers_of(const Value* metric, const counters::Descriptor& d) {
  if (metric == nullptr) return std::vector<std::uint64_t>(d.width());
  if (d.type != Type::histogram) return {static_cast<std::uint64_t>(metric->number("value"))};
  std::vector<std::uint64_t> out;
  const auto append = [&](std::string_view member) {
    const Value* list = metric->find(member);
    if (list == nullptr || list->elements() == nullptr) return;
    for (const Value& v : *list->elements()) out.push_back(v.integer() != nullptr ? static_cast<std::uint64_t>(*v.integer()) : 0);
  };
  append("bounds");
  if (!std::ranges::equal(out, d.bounds)) return {};
  out.clear();
  append("buckets");
  out.push_back(static_cast<std::uint64_t>(metric->number("sum")));
  return out.size() == d.width() ? out : std::vector<std::uint64_t>{};
}

}  // namespace

void Inherited::set(std::size_t slot, std::uint64_t value) {
  counters::slots[slot].fetch_add(value - std::exchange(last_[slot], value), std::memory_order_relaxed);
}

void Inherited::take(const Value& statistics, const std::vector<std::string>& tokens) {
  last_.resize(counters::slot_count);
  const auto metrics = by_key(statistics);
  for (const counters::Descriptor& d : counters::table) {
    if (d.type == Type::gauge && !is_gauge_of_the_old(d)) continue;
    for (std::size_t series = 0; series < d.series(); ++series) {
      const auto labels = counters::labels_of(d, series, tokens);
      if (!labels) continue;
      const auto found = metrics.find(key_of(std::string(d.name), {labels->begin(), labels->end()}));
      const auto numbers = numbers_of(found == metrics.end() ? nullptr : found->second, d);
      const std::size_t first = counters::first_slots[static_cast<std::size_t>(d.family)] + series * d.width();
      for (std::size_t i = 0; i < numbers.size(); ++i) set(first + i, numbers[i]);
    }
  }
}

void Inherited::end() {
  if (last_.empty()) return;
  for (const counters::Descriptor& d : counters::table) {
    if (!is_gauge_of_the_old(d)) continue;
    for (std::size_t slot = counters::first_slots[static_cast<std::size_t>(d.family)]; slot < counters::first_slots[static_cast<std::size_t>(d.family) + 1]; ++slot) set(slot, 0);
  }
}

}  // namespace tlspool::supervisor
