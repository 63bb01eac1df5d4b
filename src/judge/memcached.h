// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

namespace tlspool::judge {

/// memcached for a loop that never waits: calls are made by threads of their own, and who asks has an answer within a time that is set,
/// whatever the servers do.
class Memcached {
 public:
  static constexpr std::chrono::milliseconds patience_to_add{2000};  ///< no peer waits for it
  static constexpr std::size_t threads = 2;
  static constexpr std::size_t most_waiting = 1024;

  /// nullopt: it is not there, or nobody could be asked in time.
  using OnValue = std::function<void(std::optional<Bytes>)>;

  /// `patience`: that a get() waits.
  Memcached(Loop& loop, std::vector<std::string> servers, std::chrono::milliseconds patience);
  ~Memcached();
  Memcached(const Memcached&) = delete;
  Memcached& operator=(const Memcached&) = delete;

  /// A number for cancel(), and `on_value` comes later, once; or 0, and it never comes: there is no use in asking just now.
  std::uint64_t get(std::string name, OnValue on_value);
  void cancel(std::uint64_t question) { asked_.erase(question); }
  /// Whether it is tried; nobody is told how it went.
  bool set(std::string name, Bytes value, std::uint32_t seconds);
  /// Only if there is nothing by that name. Gives what is there then.
  void add(std::string name, Bytes value, std::uint32_t seconds, OnValue on_value);

  struct Counters {
    std::uint64_t late = 0;    ///< gets without an answer in time, or not tried
    std::uint64_t failed = 0;  ///< calls that a server let fail
    std::uint64_t away = 0;    ///< servers left out now
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Job;
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared, std::size_t thread);
  static std::optional<Bytes> answer(Shared& shared, class MemcachedRing& ring, Job& job);
  bool enqueue(Job job);
  void answered(std::uint64_t question, std::optional<Bytes> value);

  struct Asked {
    OnValue on_value;
    std::unique_ptr<Timer> timer;
  };
  Loop& loop_;
  const std::chrono::milliseconds patience_;
  Mailbox mailbox_;
  std::shared_ptr<Shared> shared_;
  std::uint64_t last_ = 0;
  std::uint64_t late_ = 0;
  std::unordered_map<std::uint64_t, Asked> asked_;
};

}  // namespace tlspool::judge
