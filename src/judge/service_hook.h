// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "judge/hook.h"
#include "judge/http.h"
#include "wire/authorization.h"

namespace tlspool::judge {

/// A hook that is a service with the API of the Open Policy Agent: POST {"input": ...}, 200 and {"result": ...}. Over TCP on this
/// machine, or over a Unix socket.
class ServiceHook : public Hook {
 public:
  /// Requests that are under way at once; further ones wait, and their time runs.
  static constexpr std::size_t connections = 16;

  ServiceHook(Loop& loop, const wire::HookSetup& setup) : setup_(setup), http_(loop, connections) {}
  ~ServiceHook() override;
  [[nodiscard]] Cancel ask(const authz::Facts& facts, OnAnswer on_answer) override;

 private:
  struct Question {
    OnAnswer on_answer;
    Http::Cancel cancel;
  };
  void replied(std::uint64_t number, Result<HttpReply> reply);

  wire::HookSetup setup_;
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t last_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Http http_;
};

/// What a reply of such a service says.
[[nodiscard]] Result<authz::HookAnswer> read_reply(const Result<HttpReply>& reply, const std::string& hook);

}  // namespace tlspool::judge
