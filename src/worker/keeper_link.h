// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/fd.h"
#include "counters/page.h"
#include "loop/loop.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// The worker's ends of the sign channels, one for each token. Requests never block: what the socket does
/// not take waits in a queue. Answers with numbers that nobody waits for are dropped.
class KeeperLink {
 public:
  using OnReply = std::function<void(wire::SignReply)>;

  explicit KeeperLink(Loop& loop) : loop_(loop) {}
  /// A new channel for `token`; requests that waited on an old one fail.
  void connect(const std::string& token, UniqueFd socket);
  /// False where no channel to the token is open; `on_reply` is then never called. Sets request.number.
  [[nodiscard]] bool ask(const std::string& token, wire::SignRequest& request, OnReply on_reply);
  /// The asker is gone.
  void forget(std::uint64_t number) { waiting_.erase(number); }

 private:
  struct Line {
    std::string token;
    UniqueFd socket;
    std::unique_ptr<Poll> poll;
    std::deque<Bytes> queue;
  };
  struct Waiting {
    std::string token;
    OnReply on_reply;
    counters::Clock::time_point since;
  };
  void ready(Line& line, int events);
  static bool flush(Line& line);
  void drop(const std::string& token);

  Loop& loop_;
  std::map<std::string, std::shared_ptr<Line>> lines_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace tlspool::worker
