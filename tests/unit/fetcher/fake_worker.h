// SPDX-License-Identifier: Apache-2.0
// A worker that answers StartTLS as it is told. Its "TLS" is none: the socket that it gets is the plaintext end.
#pragma once
#include <sys/socket.h>

#include <array>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/socket.h"
#include "wire/varlink.h"

namespace tlspool {

class FakeWorker {
 public:
  enum class Says { plaintext, no_descriptor, handshake_failed, identity_refused, limit_reached, nothing, end };

  explicit FakeWorker(Says says = Says::plaintext) : says_(says) {}
  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;
  /// After the control connections that it gave.
  ~FakeWorker() {
    for (std::thread& thread : threads_) thread.join();
  }

  UniqueFd control() {
    auto pair = socket_pair(SOCK_STREAM, false);
    threads_.emplace_back([this, fd = std::move(pair->second)]() mutable { serve(std::move(fd)); });
    return std::move(pair->first);
  }
  std::vector<wire::Value> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  void serve(UniqueFd control) {
    while (true) {
      std::string text;
      std::vector<UniqueFd> descriptors;
      std::array<std::uint8_t, 4096> chunk;
      while (text.empty() || text.back() != '\0') {
        auto got = receive(control.get(), chunk, 0);
        if (!got || !got->has_value() || (*got)->size == 0) return;
        for (UniqueFd& fd : (*got)->descriptors) descriptors.push_back(std::move(fd));
        text.append(reinterpret_cast<const char*>(chunk.data()), (*got)->size);
      }
      text.pop_back();
      auto call = wire::parse_call(text);
      if (!call || wire::answer_common(*call, wire::pool_interface(), "0") || descriptors.size() != 1) return;
      {
        const std::lock_guard lock(mutex_);
        calls_.push_back(call->parameters);
      }
      if (says_ == Says::end) return;
      const std::string answer = answer_text();
      const std::array fds{descriptors[0].get()};
      const auto with = says_ == Says::plaintext ? std::span<const int>(fds) : std::span<const int>();
      if (!answer.empty() && !transmit(control.get(), view(answer), with)) return;
    }
  }
  std::string answer_text() const {
    wire::Value said;
    switch (says_) {
      case Says::plaintext:
      case Says::no_descriptor: said.set("plaintextFileDescriptor", 0); return wire::reply_text(std::move(said));
      case Says::handshake_failed:
        said.set("reason", "certificate").set("message", "the name is wrong").set("socketUsable", false);
        return wire::error_text("io.tlspool.Pool.HandshakeFailed", std::move(said));
      case Says::identity_refused:
        return wire::error_text("io.tlspool.Pool.IdentityRefused", std::move(said.set("message", "no such identity")));
      case Says::limit_reached:
        return wire::error_text("io.tlspool.Pool.LimitReached", std::move(said.set("message", "too many sessions")));
      case Says::nothing:
      case Says::end: return {};
    }
    return {};
  }

  const Says says_;
  std::mutex mutex_;
  std::vector<wire::Value> calls_;
  std::vector<std::thread> threads_;
};

}  // namespace tlspool
