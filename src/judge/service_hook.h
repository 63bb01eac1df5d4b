// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "judge/hook.h"
#include "judge/http.h"
#include "judge/tls_dial.h"
#include "wire/authorization.h"

namespace tlspool::judge {

/// A hook that is a service with the API of the Open Policy Agent: POST {"input": ...}, 200 and {"result": ...}. Over TCP on this
/// machine, over a Unix socket, or by TLS that the pool's workers make.
class ServiceHook : public Hook {
 public:
  /// Requests that are under way at once; further ones wait, and their time runs.
  static constexpr std::size_t connections = 16;

  ServiceHook(Loop& loop, const wire::HookSetup& setup, std::shared_ptr<TlsLinks> links);
  ~ServiceHook() override;
  [[nodiscard]] Cancel ask(const authz::Facts& facts, OnAnswer on_answer) override;

 private:
  struct Question {
    OnAnswer on_answer;
    HttpRequest request;                ///< without a socket; https: what is sent over the plaintext side of TLS
    std::chrono::steady_clock::time_point deadline;
    Http::Cancel cancel;
    std::unique_ptr<TlsDial> dial;
    std::unique_ptr<Timer> timer;       ///< while it dials
  };
  /// Whose connection a request goes over that is sent by TLS.
  enum class Over { kept, fresh };
  void send_by_tls(std::uint64_t number, Over over, UniqueFd socket);
  void dial(std::uint64_t number);
  void replied(std::uint64_t number, Result<HttpReply> reply);

  Loop& loop_;
  wire::HookSetup setup_;
  std::shared_ptr<TlsLinks> links_;
  std::optional<TlsTarget> target_;  ///< https
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t last_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Http http_;
};

/// What a reply of such a service says.
[[nodiscard]] Result<authz::HookAnswer> read_reply(const Result<HttpReply>& reply, const std::string& hook);

}  // namespace tlspool::judge
