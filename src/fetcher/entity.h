// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "etsi014/client.h"
#include "fetcher/control_links.h"
#include "wire/shared_keys.h"

namespace tlspool::fetcher {

/// One [[kme]] and the threads that ask it: one request each at a time, each over a connection of its own that it
/// keeps open. An entity that is slow makes nobody wait but those who ask it.
class Entity : public std::enable_shared_from_this<Entity> {
 public:
  /// Called on one of its threads, once for each request.
  using Answer = std::function<void(wire::FetchAnswer)>;
  static constexpr std::size_t most_threads = 4;
  static constexpr std::size_t longest_queue = 1024;

  Entity(wire::KmeSetup setup, std::shared_ptr<ControlLinks> links) : setup_(std::move(setup)), links_(std::move(links)) {}

  /// Its deadline begins now, whether a thread is free or not.
  void ask(wire::FetchRequest request, Answer answer);
  /// Its threads end when they have answered what is asked already.
  void retire();
  [[nodiscard]] const wire::KmeSetup& setup() const { return setup_; }

 private:
  struct Job {
    wire::FetchRequest request;
    Deadline deadline;
    Answer answer;
  };
  void serve();
  [[nodiscard]] Result<UniqueFd> connect(Deadline deadline);
  [[nodiscard]] wire::FetchAnswer answer(etsi014::Client& client, const Job& job) const;
  [[nodiscard]] wire::FetchAnswer failure(const Error& error, const wire::FetchRequest& request) const;

  const wire::KmeSetup setup_;
  const std::shared_ptr<ControlLinks> links_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  bool retired_ = false;
  std::timed_mutex handshake_;  // one at a time, so that a slow entity holds one control connection at most
};

}  // namespace tlspool::fetcher
