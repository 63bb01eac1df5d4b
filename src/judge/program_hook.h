// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "judge/hook.h"
#include "loop/loop.h"
#include "wire/authorization.h"

namespace tlspool::judge {

/// A hook whose processes the supervisor runs. Each has one question at a time; the others wait. A process that is late, ends, or says
/// something else than one answer to its question is given up, and the peer it was asked about is refused.
class ProgramHook : public Hook {
 public:
  /// The supervisor must end this process, and start another one.
  using OnFailed = std::function<void(std::uint64_t process, const std::string& reason)>;
  /// Further questions are refused at once.
  static constexpr std::size_t most_waiting = 1024;

  ProgramHook(Loop& loop, const wire::HookSetup& setup, OnFailed on_failed);
  ~ProgramHook() override;

  /// One end of a socket pair, of which the process has the other.
  void add(std::uint64_t process, UniqueFd socket);
  [[nodiscard]] Cancel ask(const authz::Facts& facts, OnAnswer on_answer) override;

 private:
  struct Question {
    std::uint64_t number = 0;
    std::string text;      ///< what is still to be written, while it has a process
    OnAnswer on_answer;    ///< empty: nobody wants the answer any more
    std::unique_ptr<Timer> deadline;
  };
  struct Process {
    UniqueFd socket;
    std::unique_ptr<Poll> poll;
    std::string input;
    std::unique_ptr<Question> question;
  };

  void give_out();
  void write_to(std::uint64_t number);
  void ready(std::uint64_t number, int events);
  void read_from(std::uint64_t number);
  void take_line(std::uint64_t number);
  void expired(std::uint64_t question);
  void cancel(std::uint64_t question);
  /// The process is of no use any more, and its question is answered by this.
  void give_up(std::uint64_t number, std::string reason);
  static void finish(std::unique_ptr<Question> question, Result<authz::HookAnswer> answer);

  Loop& loop_;
  std::string name_;
  std::chrono::milliseconds deadline_;
  OnFailed on_failed_;
  std::map<std::uint64_t, Process> processes_;
  std::deque<std::unique_ptr<Question>> waiting_;
  Timer soon_;  // questions that can't be asked are refused once ask() has returned
  std::vector<std::unique_ptr<Question>> refused_;
  std::uint64_t last_question_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tlspool::judge
