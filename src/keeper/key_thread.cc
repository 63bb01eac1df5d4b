// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_thread.h"

#include <system_error>

#include "base/log.h"

namespace tlspool::keeper {

KeyThread::KeyThread(const std::shared_ptr<Token>& token, LedgerFile& ledger) : ledger_(ledger) {
  if (token) store_ = std::make_unique<TokenStore>(token, ledger);
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
    wake_.wait(guard, [this] { return over_ || !jobs_.empty(); });
    if (over_) return Next::none;
    batch.swap(jobs_);
  }
  std::vector<Claim> claims;
  for (Job& job : batch) {
    if (auto* claim = std::get_if<Claim>(&job)) claims.push_back(std::move(*claim));
  }
  make_claims(std::move(claims), ledger_, store_.get());
  for (Job& job : batch) {
    if (auto* work = std::get_if<Work>(&job)) (*work)(store_.get());
  }
  return Next::more;
}

}  // namespace tlspool::keeper
