// SPDX-License-Identifier: Apache-2.0
// A server on the loopback interface that says what a function makes of each request, byte for byte.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../loopback_listener.h"
#include "base/socket.h"

namespace tlspool::test {

class HttpServer {
 public:
  struct Answer {
    std::string bytes;
    bool close = false;    ///< the connection ends behind it
    bool silence = false;  ///< nothing more is said, and the connection stays until the client goes
  };
  /// Gets the request with its body.
  using Handler = std::function<Answer(const std::string& request)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    accepting_ = std::thread([this] { accept_all(listener_.socket.get()); });
  }
  /// After its clients, whose connections end its threads.
  ~HttpServer() {
    shutdown(listener_.socket.get(), SHUT_RDWR);
    accepting_.join();
    for (const int fd : unix_listeners_) shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : unix_threads_) thread.join();
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(listener_.port) + path; }
  [[nodiscard]] std::uint16_t port() const { return listener_.port; }
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] int connections() const { return connections_; }
  /// Serves a Unix socket, too.
  void listen_at(const std::string& path) {
    auto fd = listen_unix(path, 0600).value();
    fcntl(fd.get(), F_SETFL, 0);
    unix_listeners_.push_back(fd.get());
    unix_threads_.emplace_back([this, fd = std::move(fd)] { accept_all(fd.get()); });
  }
  /// The client's end of a new connection.
  UniqueFd connected() {
    auto pair = socket_pair(SOCK_STREAM, false).value();
    begin(std::move(pair.second));
    return std::move(pair.first);
  }

  static std::string reply(const std::string& body, const std::string& status = "200 OK", const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void accept_all(int listener) {
    while (true) {
      UniqueFd fd{accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
      if (!fd.valid()) return;
      begin(std::move(fd));
    }
  }
  void begin(UniqueFd fd) {
    const std::lock_guard lock(mutex_);
    ++connections_;
    threads_.emplace_back([this, fd = std::move(fd)] { serve(fd.get()); });
  }
  static bool complete(const std::string& in, std::size_t& size) {
    const auto end = in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    size = end + 4;
    if (const auto at = in.find("Content-Length: "); at < end) size += std::stoul(in.substr(at + 16));
    return in.size() >= size;
  }
  void serve(int fd) {
    std::string in;
    char chunk[4096];
    while (true) {
      std::size_t size = 0;
      while (!complete(in, size)) {
        const ssize_t n = read(fd, chunk, sizeof chunk);
        if (n <= 0) return;
        in.append(chunk, static_cast<std::size_t>(n));
      }
      ++requests_;
      const Answer answer = handler_(in.substr(0, size));
      in.erase(0, size);
      std::size_t sent = 0;
      while (sent < answer.bytes.size()) {
        const ssize_t n = send(fd, answer.bytes.data() + sent, answer.bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;
        sent += static_cast<std::size_t>(n);
      }
      if (answer.close) return;
      while (answer.silence && read(fd, chunk, sizeof chunk) > 0) {
      }
      if (answer.silence) return;
    }
  }

  Handler handler_;
  const LoopbackListener listener_;
  std::atomic<int> requests_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<std::thread> unix_threads_;
  std::vector<int> unix_listeners_;
  std::thread accepting_;
};

}  // namespace tlspool::test
