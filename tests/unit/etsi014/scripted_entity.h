// SPDX-License-Identifier: Apache-2.0
// An entity that says what its script says, byte for byte.
#pragma once
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "../loopback_listener.h"
#include "base/socket.h"

namespace tlspool {

class ScriptedEntity {
 public:
  enum class After { keep, close, silence };
  struct Line {
    std::string bytes;
    After after = After::keep;
  };

  /// After its clients, whose connections end its threads.
  ~ScriptedEntity() { end(); }

  /// Listens on a free port of the loopback interface, too.
  std::uint16_t listen() {
    listener_.emplace();
    accepting_ = std::thread([this] {
      while (true) {
        UniqueFd fd{accept4(listener_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!fd.valid()) return;
        begin(std::move(fd));
      }
    });
    return listener_->port;
  }

  /// Listens no more, and waits until its clients have gone.
  void end() {
    if (accepting_.joinable()) {
      shutdown(listener_->socket.get(), SHUT_RDWR);
      accepting_.join();
      listener_.reset();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void say(std::string bytes, After after = After::keep) {
    const std::lock_guard lock(mutex_);
    script_.push_back({std::move(bytes), after});
  }
  static std::string http(int status, const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  /// A new connection to it.
  Result<UniqueFd> connect() {
    auto pair = socket_pair(SOCK_STREAM, false);
    if (!pair) return fail(pair.error());
    begin(std::move(pair->second));
    return std::move(pair->first);
  }

  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int connections() {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  void begin(UniqueFd connection) {
    const std::lock_guard lock(mutex_);
    ++connections_;
    threads_.emplace_back([this, fd = std::move(connection)] { serve(fd.get()); });
  }
  void serve(int fd) {
    while (true) {
      const std::string request = read_request(fd);
      if (request.empty()) return;
      Line line;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        if (script_.empty()) return;
        line = std::move(script_.front());
        script_.pop_front();
      }
      for (std::size_t at = 0; at < line.bytes.size();) {
        const ssize_t sent = send(fd, line.bytes.data() + at, line.bytes.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += static_cast<std::size_t>(sent);
      }
      if (line.after == After::close) return;
      if (line.after == After::silence) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0) {
        }
        return;
      }
    }
  }
  static std::string read_request(int fd) {
    std::string text;
    char chunk[4096];
    while (true) {
      if (const auto end = text.find("\r\n\r\n"); end != std::string::npos) {
        std::string head = text.substr(0, end);
        std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
        const auto length = head.find("content-length: ");
        const std::size_t body = length == std::string::npos ? 0 : std::stoul(head.substr(length + 16));
        if (text.size() >= end + 4 + body) return text;
      }
      const ssize_t got = recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) return {};
      text.append(chunk, static_cast<std::size_t>(got));
    }
  }

  std::mutex mutex_;
  std::deque<Line> script_;
  std::vector<std::string> requests_;
  int connections_ = 0;
  std::optional<test::LoopbackListener> listener_;
  std::thread accepting_;
  std::vector<std::thread> threads_;
};

}  // namespace tlspool
