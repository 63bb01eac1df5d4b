// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "wire/json.h"
#include "wire/ipc.h"

namespace tlspool::worker {

/// Whether an identity may be shown, for the agent of the user whose program started the handshake.
struct DisclosureQuestion {
  std::string local;
  std::string remote;   ///< empty: not known
  bool proved = false;  ///< else `remote` is whom the program expects
  wire::RoleBits role = wire::role_client;
  std::string service;
  pid_t pid = 0;        ///< the program
  std::string rule;     ///< FILE:LINE of the [[disclosure]] that says ask
  std::chrono::milliseconds patience{};
};

/// The agents of this worker's users (`tlspool agent`), and what they are being asked. Never calls back from within ask() or withdraw().
class Agents {
 public:
  enum class Answer { show, refuse, gone };
  using OnAnswer = std::function<void(Answer)>;
  /// The parameters of one reply to WatchDisclosures. False: the agent does not read.
  using Send = std::function<bool(wire::Value parameters)>;

  /// The process that is the user's agent already; 0: now it is this one.
  [[nodiscard]] pid_t watch(uid_t uid, pid_t pid, Send send);
  /// The agent is gone: whoever waits for it hears so.
  void leave(uid_t uid);
  /// The same, and nobody hears: for the worker's own end.
  void drop(uid_t uid) { agents_.erase(uid); }

  /// The question's id, for withdraw(); the answer comes later. Error: nobody can be asked; its reason is for people.
  [[nodiscard]] Result<std::string> ask(std::uint32_t worker, uid_t uid, const DisclosureQuestion& question, OnAnswer on_answer);
  void withdraw(const std::string& id);
  /// False: there is no such question for this process.
  [[nodiscard]] bool answer(const std::string& id, uid_t uid, pid_t pid, Answer answer);

 private:
  struct Agent {
    pid_t pid = 0;
    Send send;
  };
  struct Open {
    uid_t uid = 0;
    OnAnswer on_answer;
  };

  std::unordered_map<uid_t, Agent> agents_;
  std::unordered_map<std::string, Open> open_;
};

}  // namespace tlspool::worker
