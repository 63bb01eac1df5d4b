// SPDX-License-Identifier: Apache-2.0
// The numbers of one process: a page of memory that it writes and others may read. Counting is an addition to memory; no system call,
// no lock, no name is looked up. The supervisor makes the page and keeps it, so that totals go on when a process is started again.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/error.h"
#include "base/fd.h"
#include "counters/table.h"

namespace tlspool::counters {

using Slot = std::atomic<std::uint64_t>;
static_assert(Slot::is_always_lock_free && sizeof(Slot) == sizeof(std::uint64_t));

/// Where this process counts: its page, and before it has one, or in a program of no pool, memory that nobody reads.
extern Slot* slots;

template <Family F, class... L>
void add(std::uint64_t count, L... labels) {
  slots[slot<F>(labels...)].fetch_add(count, std::memory_order_relaxed);
}
/// One more.
template <Family F, class... L>
void count(L... labels) {
  add<F>(1, labels...);
}
/// Of a gauge.
template <Family F, class... L>
void change(std::int64_t by, L... labels) {
  add<F>(static_cast<std::uint64_t>(by), labels...);
}
template <Family F, class... L>
void set(std::uint64_t value, L... labels) {
  slots[slot<F>(labels...)].store(value, std::memory_order_relaxed);
}

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::microseconds;

/// One more in the bucket of a histogram.
template <Family F, class... L>
void observe(Clock::duration took, L... labels) {
  constexpr const Descriptor& d = table[static_cast<std::size_t>(F)];
  static_assert(d.type == Type::histogram);
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::duration_cast<Microseconds>(took).count()));
  const std::size_t at = slot<F>(labels...);
  const auto bucket = static_cast<std::size_t>(std::lower_bound(d.bounds.begin(), d.bounds.end(), us) - d.bounds.begin());
  slots[at + bucket].fetch_add(1, std::memory_order_relaxed);
  slots[at + d.bounds.size() + 1].fetch_add(us, std::memory_order_relaxed);
}

/// A page in the supervisor's hands.
class Page {
 public:
  /// Of a fixed size, which nobody who has a descriptor of it can change any more.
  [[nodiscard]] static Result<Page> make();
  Page(Page&& other) noexcept;
  Page& operator=(Page&& other) = delete;
  ~Page();
  /// For the process that counts in it.
  [[nodiscard]] Result<UniqueFd> for_writer() const;
  /// For one that reads it: what it maps from this it can't write.
  [[nodiscard]] Result<UniqueFd> for_reader() const;
  [[nodiscard]] const Slot* slots() const { return slots_; }

 private:
  Page(UniqueFd memory, const Slot* slots) : memory_(std::move(memory)), slots_(slots) {}
  UniqueFd memory_;
  const Slot* slots_;
};

/// From now on this process counts in the page behind `memory`. Gauges begin at zero: they are of this process's life.
[[nodiscard]] Status count_in(UniqueFd memory);

/// Somebody else's page, for reading, until the reader ends. Code::invalid where it is smaller than a page or can shrink.
[[nodiscard]] Result<const Slot*> map_for_reading(UniqueFd memory);

}  // namespace tlspool::counters
