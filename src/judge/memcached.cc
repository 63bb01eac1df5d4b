// SPDX-License-Identifier: Apache-2.0
#include "judge/memcached.h"

#include <signal.h>

#include <array>
#include <bit>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "judge/memcached_ring.h"

namespace tlspool::judge {
namespace {

using Clock = ServerHealth::Clock;

/// A call that takes longer than this has met a server that trickles: each step is in time, and there is no end.
constexpr std::chrono::milliseconds longest_call{300};

}  // namespace

struct Memcached::Job {
  enum class Kind { get, set, add } kind = Kind::get;
  std::uint64_t question = 0;
  std::string name;
  Bytes value;
  std::uint32_t seconds = 0;
  Clock::time_point until{};  ///< later nobody cares
};

/// What the threads have. It stays until the last of them has seen that it is closed: none is waited for.
struct Memcached::Shared {
  explicit Shared(std::vector<std::string> names) : servers(std::move(names)), health(servers.size()) {}

  const std::vector<std::string> servers;
  ServerHealth health;
  std::mutex lock;
  std::condition_variable wake;
  std::deque<Job> jobs;
  std::array<Clock::time_point, threads> busy_since{};  ///< by thread; zero: it waits for a job
  Memcached* owner = nullptr;                           ///< null: it is gone

  /// Called on the loop, unless the owner is gone.
  void post(std::function<void(Memcached&)> letter) {
    const std::lock_guard guard(lock);
    if (owner != nullptr) owner->mailbox_.post([to = owner, letter = std::move(letter)] { letter(*to); });
  }
  /// With the lock held: whether every thread has been at its call for longer than a call may take.
  [[nodiscard]] bool stuck(Clock::time_point now) const {
    for (const auto since : busy_since) {
      if (since == Clock::time_point{} || now - since < longest_call) return false;
    }
    return true;
  }
};

Memcached::Memcached(Loop& loop, std::vector<std::string> servers, std::chrono::milliseconds patience)
    : loop_(loop), patience_(patience), mailbox_(loop), shared_(std::make_shared<Shared>(std::move(servers))) {
  shared_->owner = this;
  // Signals are for the loop.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (std::size_t i = 0; i < threads; ++i) std::thread([shared = shared_, i] { work(shared, i); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Memcached::~Memcached() {
  const std::lock_guard guard(shared_->lock);
  shared_->owner = nullptr;
  shared_->wake.notify_all();
}

void Memcached::work(const std::shared_ptr<Shared>& shared, std::size_t thread) {
  MemcachedRing ring(shared->servers, shared->health);
  while (true) {
    Job job;
    {
      std::unique_lock guard(shared->lock);
      shared->busy_since[thread] = {};
      shared->wake.wait(guard, [&] { return shared->owner == nullptr || !shared->jobs.empty(); });
      if (shared->owner == nullptr) return;
      job = std::move(shared->jobs.front());
      shared->jobs.pop_front();
      shared->busy_since[thread] = Clock::now();
    }
    auto value = Clock::now() < job.until ? answer(*shared, ring, job) : std::nullopt;
    if (job.question == 0) continue;
    shared->post([question = job.question, value = std::move(value)](Memcached& owner) { owner.answered(question, value); });
  }
}

std::optional<Bytes> Memcached::answer(Shared& shared, MemcachedRing& ring, Job& job) {
  using State = MemcachedRing::State;
  const auto begun = Clock::now();
  MemcachedRing::Reply reply;
  std::optional<Bytes> out;
  switch (job.kind) {
    case Job::Kind::get:
      reply = ring.get(job.name);
      if (reply.state == State::done) out = std::move(reply.value);
      break;
    case Job::Kind::set: reply = ring.set(job.name, job.value, job.seconds); break;
    case Job::Kind::add:
      reply = ring.add(job.name, job.value, job.seconds);
      if (reply.state == State::done) {
        out = std::move(job.value);
      } else if (reply.state == State::not_there) {
        reply = ring.get(job.name);
        if (reply.state == State::done) out = std::move(reply.value);
      }
      break;
  }
  const auto now = Clock::now();
  if (reply.state == State::no_server) return out;
  const std::string& name = shared.servers[reply.server];
  if (reply.state != State::failed && now - begun < longest_call) {
    if (shared.health.worked(reply.server)) {
      shared.post([name](Memcached&) { log::info("memcached.back", {{"server", name}}); });
    }
    return out;
  }
  const std::string reason = reply.state == State::failed ? reply.reason : "it took too long";
  if (const auto pause = shared.health.failed(reply.server, now); pause.count() != 0) {
    shared.post([name, reason, pause](Memcached&) {
      log::warning("memcached.failed", {{"server", name}, {"reason", reason}, {"left_out_s", std::to_string(pause.count())}});
    });
  }
  return out;
}

bool Memcached::enqueue(Job job) {
  const std::lock_guard guard(shared_->lock);
  const auto now = Clock::now();
  if (shared_->jobs.size() >= most_waiting || shared_->stuck(now)) return false;
  shared_->jobs.push_back(std::move(job));
  shared_->wake.notify_one();
  return true;
}

std::uint64_t Memcached::get(std::string name, OnValue on_value) {
  const std::uint64_t question = last_ + 1;
  const bool useful = shared_->health.usable(Clock::now()) != 0;
  if (!useful || !enqueue({Job::Kind::get, question, std::move(name), {}, 0, Clock::now() + patience_})) {
    ++late_;
    return 0;
  }
  last_ = question;
  Asked& asked = asked_[question];
  asked.on_value = std::move(on_value);
  asked.timer = std::make_unique<Timer>(loop_);
  asked.timer->start(patience_, [this, question] {
    ++late_;
    answered(question, std::nullopt);
  });
  return question;
}

bool Memcached::set(std::string name, Bytes value, std::uint32_t seconds) {
  return enqueue({Job::Kind::set, 0, std::move(name), std::move(value), seconds, Clock::now() + std::chrono::seconds{1}});
}

void Memcached::add(std::string name, Bytes value, std::uint32_t seconds, OnValue on_value) {
  const std::uint64_t question = ++last_;
  Asked& asked = asked_[question];
  asked.on_value = std::move(on_value);
  asked.timer = std::make_unique<Timer>(loop_);
  const bool waits = enqueue({Job::Kind::add, question, std::move(name), std::move(value), seconds, Clock::now() + patience_to_add});
  asked.timer->start(waits ? patience_to_add : std::chrono::milliseconds{0}, [this, question] { answered(question, std::nullopt); });
}

void Memcached::answered(std::uint64_t question, std::optional<Bytes> value) {
  const auto found = asked_.extract(question);  // gone: it was too late, or is not wanted any more
  if (!found.empty()) found.mapped().on_value(std::move(value));
}

Memcached::Counters Memcached::counters() const {
  const std::uint32_t usable = shared_->health.usable(Clock::now());
  return {late_, shared_->health.failures(), shared_->servers.size() - static_cast<std::size_t>(std::popcount(usable))};
}

}  // namespace tlspool::judge
