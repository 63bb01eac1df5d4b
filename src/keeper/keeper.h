// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keeper/pin_entry.h"
#include "keeper/shared_keys.h"
#include "keeper/sign_threads.h"
#include "keeper/token.h"
#include "loop/channel.h"
#include "loop/loop.h"

namespace tlspool::keeper {

struct KeeperOptions {
  std::chrono::milliseconds reopen_after{30'000};  ///< a token that failed is opened again at most that often
  std::chrono::milliseconds pin_deadline{120'000}; ///< for an administrator to type
  std::chrono::milliseconds look_every{1'000};     ///< for tokens whose absence must be known at once
};

/// All tokens of a pool. On one loop; only the signing threads run beside it.
class Keeper {
 public:
  using Send = std::function<void(wire::Kind, Bytes)>;
  /// `send` carries frames to the supervisor.
  Keeper(Loop& loop, std::string directory, KeeperOptions options, Send send);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Opens, keeps and closes tokens so that they are those of `setup`.
  void apply(wire::KeeperSetup setup);
  /// Sends Kind::keeper_report.
  void send_report();
  [[nodiscard]] wire::KeeperReport report() const;
  /// A frame from the supervisor after the first setup.
  void take(Frame frame);

 private:
  void serve_worker(const wire::SignChannel& channel, UniqueFd socket);
  void ask_pin(const std::string& token, UniqueFd socket);
  void give_pin(const std::string& token, const UniqueFd& socket);
  void look_after_tokens();
  void plan_reopening();
  void reopen_due();
  void reopen(Token& token);
  void watch_tokens();

  Loop& loop_;
  const std::string directory_;
  const KeeperOptions options_;
  Send send_;
  Modules modules_;
  RejectedPins rejected_;
  UniqueFd wake_;  // eventfd: a signing thread found a token broken
  std::unique_ptr<Poll> woken_;
  Timer timer_;
  Timer watch_;
  std::map<std::string, std::shared_ptr<Token>> tokens_;
  std::vector<std::string> order_;  // as in the configuration
  std::list<std::unique_ptr<SignThreads>> threads_;
  std::list<std::unique_ptr<PinEntry>> entries_;
  SharedKeys shared_;
};

}  // namespace tlspool::keeper
