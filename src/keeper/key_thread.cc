// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_thread.h"

#include <system_error>

#include "base/log.h"

namespace tlspool::keeper {

namespace {

// Who claims a key mostly claims another one soon, and must not wait for a destruction.
constexpr std::chrono::milliseconds quiet{20};
// Destroying takes half of the thread's time at most, and a fiftieth while keys are claimed.
constexpr int rest_while_busy = 49;
constexpr std::chrono::seconds later{5};

}  // namespace

KeyThread::KeyThread(const std::shared_ptr<Token>& token, LedgerFile& ledger, OwnerFile& owner) : ledger_(ledger) {
  if (token) store_ = std::make_unique<TokenStore>(token, ledger, owner);
  try {
    thread_ = std::thread([this] { serve(); });
  } catch (const std::system_error& e) {
    log::error("thread.failed", {{"problem", e.what()}});
  }
}

KeyThread::~KeyThread() {
  {
    const std::lock_guard guard(lock_);
    over_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void KeyThread::claim(Claim claim) { push(std::move(claim)); }
void KeyThread::run(Work work) { push(std::move(work)); }

void KeyThread::push(Job job) {
  {
    const std::lock_guard guard(lock_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  // A process that may have no more threads serves its keys in the way of everything else.
  if (!thread_.joinable()) (void)serve_batch();
}

void KeyThread::serve() {
  while (serve_batch() == Next::more) {
  }
}

KeyThread::Next KeyThread::serve_batch() {
  std::deque<Job> batch;
  {
    std::unique_lock guard(lock_);
    const auto called = [this] { return over_ || !jobs_.empty(); };
    if (next_burial_) (void)wake_.wait_until(guard, *next_burial_, called);
    else wake_.wait(guard, called);
    if (over_) return Next::none;
    batch.swap(jobs_);
  }
  if (batch.empty()) {
    bury();
    return Next::more;
  }
  std::vector<Claim> claims;
  for (Job& job : batch) {
    if (auto* claim = std::get_if<Claim>(&job)) claims.push_back(std::move(*claim));
  }
  make_claims(std::move(claims), ledger_, store_.get());
  for (Job& job : batch) {
    if (auto* work = std::get_if<Work>(&job)) (*work)(store_.get());
  }
  plan_burial();
  return Next::more;
}

void KeyThread::plan_burial() {
  if (!store_ || !store_->has_dead()) return next_burial_.reset();
  if (!thread_.joinable()) return bury();
  next_burial_ = std::min(Clock::now() + quiet, rested_);
}

void KeyThread::bury() {
  const auto start = Clock::now();
  const TokenStore::Burial done = store_->bury_one();
  const auto end = Clock::now();
  rested_ = end + rest_while_busy * (end - start);
  next_burial_.reset();
  if (store_->has_dead()) next_burial_ = done == TokenStore::Burial::one ? end + (end - start) : end + later;
}

}  // namespace tlspool::keeper
