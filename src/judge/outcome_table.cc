// SPDX-License-Identifier: Apache-2.0
#include "judge/outcome_table.h"

#include <iterator>

#include "counters/page.h"

namespace tlspool::judge {
namespace {

/// What an entry takes besides its texts, as the C library's allocator counts: list, table, strings' heads.
constexpr std::size_t overhead = sizeof(wire::ChainVerdict) + 200;

std::size_t size_of(const wire::ChainVerdict& v) {
  constexpr std::size_t text = 48;  // a string or a list on the heap
  std::size_t out = overhead + v.identity.size() + v.how.size() + v.anchor.size() + v.check.size() + v.reason.size() + v.certificate.size() +
                    v.explanation.size() + v.decided_by.policy.size() + v.decided_by.rule.size() + v.attributes.alias.size();
  for (const auto& name : v.names) out += text + name.size();
  for (const auto& group : v.attributes.groups) out += text + group.size();
  for (const auto& [name, value] : v.attributes.values) out += 2 * text + name.size() + value.size();
  return out;
}

}  // namespace

void OutcomeTable::limit(std::size_t entries) {
  most_ = entries;
  make_room();
}

const wire::ChainVerdict* OutcomeTable::find(const authz::EntryKey& key, std::int64_t now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (found->second->until <= now) {
    drop(found->second);
    return nullptr;
  }
  newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
  return &found->second->verdict;
}

void OutcomeTable::put(const authz::EntryKey& key, wire::ChainVerdict verdict, std::int64_t until) {
  erase(key);
  const std::size_t bytes = size_of(verdict);
  if (bytes > most_bytes / 16) return;
  newest_first_.push_front({key, std::move(verdict), until, bytes});
  by_key_.emplace(key, newest_first_.begin());
  counters::change<counters::Family::outcome_cache_entries>(1);
  bytes_ += bytes;
  make_room();
}

void OutcomeTable::erase(const authz::EntryKey& key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
}

void OutcomeTable::clear() {
  counters::change<counters::Family::outcome_cache_entries>(-static_cast<std::int64_t>(by_key_.size()));
  by_key_.clear();
  newest_first_.clear();
  bytes_ = 0;
}

void OutcomeTable::drop(Place place) {
  bytes_ -= place->bytes;
  by_key_.erase(place->key);
  counters::change<counters::Family::outcome_cache_entries>(-1);
  newest_first_.erase(place);
}

void OutcomeTable::make_room() {
  while (!newest_first_.empty() && (by_key_.size() > most_ || bytes_ > most_bytes)) drop(std::prev(newest_first_.end()));
}

}  // namespace tlspool::judge
