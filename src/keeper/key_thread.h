// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "keeper/claims.h"

namespace tlspool::keeper {

/// The thread that serves shared keys out of one token (or out of none: it then only writes tombstones and files).
/// Everything that waits when it is free is one batch: all claims in it share one sync of the ledger. So nobody waits
/// for a token but those who want its keys. When nothing waits, it destroys keys that are used up, one by one.
class KeyThread {
 public:
  /// Called on the thread, which may ask the token. Null where there is no token.
  using Work = std::function<void(TokenStore* store)>;
  /// `token` may be null.
  KeyThread(const std::shared_ptr<Token>& token, LedgerFile& ledger, OwnerFile& owner);
  /// Lets the thread finish what it is doing and drops what waits.
  ~KeyThread();
  KeyThread(const KeyThread&) = delete;
  KeyThread& operator=(const KeyThread&) = delete;

  void claim(Claim claim);
  void run(Work work);

 private:
  using Job = std::variant<Claim, Work>;
  void push(Job job);
  enum class Next { more, none };
  void serve();
  Next serve_batch();
  void bury();
  void plan_burial();

  using Clock = std::chrono::steady_clock;
  LedgerFile& ledger_;
  std::unique_ptr<TokenStore> store_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool over_ = false;
  // Of this thread alone.
  std::optional<Clock::time_point> next_burial_;
  Clock::time_point rested_{};  // when a burial is due even if keys are claimed all the time
  std::thread thread_;
};

}  // namespace tlspool::keeper
