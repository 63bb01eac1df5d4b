// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "authz/cache_entry.h"
#include "judge/memcached.h"
#include "judge/outcome_table.h"
#include "loop/loop.h"
#include "wire/cache_setup.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// What of the caller may make a difference to an outcome; the rest is left out of what an outcome is found by.
struct CallerMatters {
  bool uid = true;
  bool executable = true;
};

/// Remembers what was decided, here and, where the configuration names servers of memcached, for all pools of a cluster. An outcome is
/// found by everything that it depends on: the whole question, what the judge decides by, and what was revoked. So what has
/// changed is not found any more.
class Outcomes {
 public:
  /// Names an outcome. What was named before the last change of what outcomes depend on is not remembered after it.
  struct Key {
    authz::EntryKey entry{};
    std::uint64_t generation = 0;
  };
  using OnFound = std::function<void(std::optional<wire::ChainVerdict>)>;
  /// Ends a lookup: its OnFound is not called any more.
  using Cancel = std::function<void()>;

  explicit Outcomes(Loop& loop) : loop_(loop) {}

  /// May come again; outcomes by another policy, key or generation are not found any more. Code::internal: no random bytes.
  [[nodiscard]] Status set(wire::CacheSetup setup, CallerMatters caller);
  /// What else outcomes depend on here, such as what was revoked: a digest of all of it.
  void depend_on(Bytes digest);
  /// What this process remembers is not true any more, though nothing has changed that outcomes are found by.
  void forget();

  /// none: this question must be decided anew, and its outcome is not remembered.
  [[nodiscard]] std::optional<Key> key_of(const wire::ChainQuery& query) const;
  /// What this process remembers; null: nothing. Valid until the next call of anything here.
  [[nodiscard]] const wire::ChainVerdict* recall(const Key& key);
  /// Whether it is worth while to look further away.
  [[nodiscard]] bool shares() const { return memcached_ != nullptr; }
  /// What the cluster remembers: none at once where nobody can be asked; else `on_found` is called once, within the configured time, and
  /// not before this has returned.
  [[nodiscard]] std::variant<std::optional<wire::ChainVerdict>, Cancel> look_up(const Key& key, OnFound on_found);
  /// A question was decided anew. Where it has a key, its verdict is stored.
  void judged(const std::optional<Key>& key, const wire::ChainVerdict& verdict);
  /// As what it rests on allows, and no longer than the configuration does.
  void store(const Key& key, const wire::ChainVerdict& verdict);

  /// A ticket key that supervisors have sealed: added if there is none by that name. The answer has what is there then.
  void add_blob(wire::SharedBlob blob, std::function<void(wire::SharedBlob)> on_answer);
  [[nodiscard]] wire::OutcomeCounters counters() const;

 private:
  [[nodiscard]] std::optional<wire::ChainVerdict> opened(const Key& key, ByteView sealed);
  [[nodiscard]] std::int64_t end_of(const wire::ChainVerdict& verdict, std::int64_t now) const;

  Loop& loop_;
  wire::CacheSetup setup_;
  CallerMatters caller_;
  Bytes digest_;
  std::optional<authz::EntryBox> box_;
  Bytes own_key_;  ///< where no cluster has one
  std::uint64_t generation_ = 0;
  OutcomeTable table_;
  std::unique_ptr<Memcached> memcached_;
  wire::OutcomeCounters counters_;
};

}  // namespace tlspool::judge
