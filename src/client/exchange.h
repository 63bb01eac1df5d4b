// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "wire/varlink.h"

namespace tlspool::client {

/// One call to a pool: connect, send, receive; never waits. The frame is that of docs/protocol.md.
class Exchange {
 public:
  enum class Progress { again, done };

  /// `text` ends in its NUL; `descriptors` are borrowed until the exchange has ended.
  Exchange(std::string socket, std::string text, std::vector<int> descriptors)
      : socket_(std::move(socket)), text_(std::move(text)), descriptors_(std::move(descriptors)) {}

  /// Goes on as far as it can. An error ends the exchange; done: take_answer() has it.
  [[nodiscard]] Result<Progress> step();
  /// What to poll after Progress::again; -1: there is no connection yet, come back after retry_delay.
  [[nodiscard]] int fd() const { return connection_.get(); }
  [[nodiscard]] short events() const;
  [[nodiscard]] bool ended() const { return state_ == State::ended; }
  static constexpr std::chrono::milliseconds retry_delay{5};

  [[nodiscard]] wire::Answer take_answer() { return std::move(answer_); }
  [[nodiscard]] std::vector<UniqueFd> take_descriptors() { return std::move(received_); }

  // After an error:
  /// The pool can't have acted on the call.
  [[nodiscard]] bool untouched() const { return untouched_; }
  /// errno of what failed.
  [[nodiscard]] int number() const { return number_; }

 private:
  enum class State { connecting, sending, receiving, ended };
  [[nodiscard]] Result<Progress> connect();
  [[nodiscard]] Result<Progress> send();
  [[nodiscard]] Result<Progress> receive();
  [[nodiscard]] Result<Progress> finish();
  [[nodiscard]] Result<Progress> lost(int number, std::string_view why);
  [[nodiscard]] Result<Progress> malformed(std::string reason);
  [[nodiscard]] bool start_over();

  std::string socket_;
  std::string text_;
  std::vector<int> descriptors_;
  UniqueFd connection_;
  State state_ = State::connecting;
  std::size_t sent_ = 0;
  bool reused_ = false;
  bool fresh_only_ = false;
  bool untouched_ = true;
  int number_ = 0;
  std::string input_;
  std::vector<UniqueFd> received_;
  wire::Answer answer_;
};

/// Steps until the end or the deadline.
[[nodiscard]] Status run(Exchange& exchange, std::chrono::steady_clock::time_point deadline);

}  // namespace tlspool::client
