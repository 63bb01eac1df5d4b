// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "counters/page.h"
#include "loop/loop.h"
#include "wire/ipc.h"
#include "worker/fair_queue.h"

namespace tlspool::worker {

/// The worker's ends of the sign channels, one for each token. Requests never block: only so many are with the keeper at a time, the
/// others wait in a queue, in which users take turns; so a slow token is not kept from one user by another's thousands. Answers with
/// numbers that nobody waits for are dropped.
class KeeperLink {
 public:
  using OnReply = std::function<void(wire::SignReply)>;

  explicit KeeperLink(Loop& loop) : loop_(loop) {}
  /// A new channel for `token`; requests that waited on an old one fail.
  void connect(const std::string& token, UniqueFd socket);
  /// False where no channel to the token is open; `on_reply` is then never called. Sets request.number.
  [[nodiscard]] bool ask(const std::string& token, uid_t uid, wire::SignRequest& request, OnReply on_reply);
  /// The asker is gone. What the keeper does not have yet it never gets.
  void forget(std::uint64_t number);
  /// As many as a token may have threads.
  static constexpr std::size_t most_at_keeper = 64;

 private:
  struct Packet {
    std::uint64_t number = 0;
    Bytes bytes;
  };
  struct Line {
    std::string token;
    UniqueFd socket;
    std::unique_ptr<Poll> poll;
    FairQueue<Packet> queue;
    std::size_t at_keeper = 0;
  };
  struct Waiting {
    std::string token;
    OnReply on_reply;
    counters::Clock::time_point since;
  };
  void ready(Line& line, int events);
  static void flush(Line& line);
  void drop(const std::string& token);

  Loop& loop_;
  std::map<std::string, std::shared_ptr<Line>> lines_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace tlspool::worker
