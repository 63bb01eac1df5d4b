// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "counters/page.h"
#include "keeper/token.h"

namespace tlspool::keeper {

/// The threads that serve one worker's signatures with one token. Each blocks in recv on the same SEQPACKET socket
/// and has a PKCS#11 session of its own, so a signature needs no hand-over between threads, and a slow token delays
/// nobody else's. A module that only computes is served by one thread alone as long as it is quick: to wake another one for each request costs
/// more than it gains. They end when the worker's side closes.
class SignThreads {
 public:
  /// The socket becomes blocking. `parallel` is taken between 1 and 64.
  SignThreads(std::shared_ptr<Token> token, UniqueFd socket, unsigned parallel);
  /// Ends the threads and waits for them.
  ~SignThreads();
  SignThreads(const SignThreads&) = delete;
  SignThreads& operator=(const SignThreads&) = delete;
  /// Every thread has ended by itself.
  [[nodiscard]] bool finished() const { return running_ == 0; }

 private:
  void serve();
  void refused();
  std::shared_ptr<Token> token_;
  const counters::Token number_;
  UniqueFd socket_;
  std::mutex turn_;                 ///< held by the one thread that serves alone
  std::atomic<bool> alone_{false};
  std::atomic<unsigned> running_{0};
  std::atomic<unsigned> refused_{0};
  std::vector<std::thread> threads_;
};

}  // namespace tlspool::keeper
