// SPDX-License-Identifier: Apache-2.0
#include "qkd/http_server.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>

#include "base/deadline.h"

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;

// httplib matches the path with std::regex, which recurses for each character.
constexpr std::size_t longest_line = 2048;
constexpr std::size_t longest_headers = 32 * 1024;

/// httplib's way to the socket: every wait ends at a deadline, and a request has an end.
class Wire : public httplib::Stream {
 public:
  Wire(int fd, const HttpLimits& limits) : fd_(fd), limits_(limits) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// Waits for the first byte of a request, from which on its time runs.
  bool next_request() {
    until_ = Clock::now() + limits_.idle;
    const bool there = at_ < filled_ || fill();
    begin(limits_.request);
    read_ = 0;
    line_read_ = false;
    return there;
  }
  void begin(std::chrono::milliseconds time) { until_ = Clock::now() + time; }

  [[nodiscard]] bool is_readable() const override { return at_ < filled_ || wait(POLLIN); }
  [[nodiscard]] bool is_writable() const override { return wait(POLLOUT); }

  ssize_t read(char* into, std::size_t size) override {
    if (at_ == filled_ && !fill()) return ended_ ? 0 : -1;
    const std::size_t count = std::min(size, filled_ - at_);
    std::memcpy(into, buffer_.data() + at_, count);
    at_ += count;
    read_ += count;
    line_read_ = line_read_ || std::memchr(into, '\n', count) != nullptr;
    const bool too_long = read_ > limits_.body + longest_headers || (!line_read_ && read_ > longest_line);
    return too_long ? -1 : static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, std::size_t size) override {
    while (wait(POLLOUT)) {
      const ssize_t sent = ::send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) return sent;
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return -1;
    }
    return -1;
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return fd_; }

 private:
  bool wait(short events) const { return wait_until(fd_, events, until_) == Waited::ready; }

  bool fill() {
    while (wait(POLLIN)) {
      const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got > 0) {
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
        return true;
      }
      ended_ = got == 0;
      if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return false;
    }
    return false;
  }

  int fd_;
  const HttpLimits& limits_;
  Clock::time_point until_;
  std::array<char, 16384> buffer_{};
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::size_t read_ = 0;
  bool line_read_ = false;
  bool ended_ = false;
};

/// httplib's server for one connection that is there already.
class Conversation : private httplib::Server {
 public:
  Conversation(int fd, const HttpLimits& limits, const HttpCalls& calls) : wire_(fd, limits), limits_(limits), calls_(calls) {
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) { handle(request, response); };
    Get(".*", handler).Post(".*", Handler(handler)).Put(".*", Handler(handler)).Patch(".*", Handler(handler));
    Delete(".*", Handler(handler)).Options(".*", handler);
    svr_sock_ = fd;  // without one httplib takes itself for being shut down, and writes no content; it never closes it
    set_payload_max_length(limits.body);
    set_keep_alive_max_count(limits.requests);
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(limits.idle).count());
    // What httplib itself refuses: the standard knows no other word for it than 400.
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (answered_) return;
      broken_ = true;
      response.status = 400;
      response.set_header("Connection", "close");
      response.set_content(etsi014::to_text(etsi014::ErrorMessage{"malformed HTTP request", {}}), "application/json");
    });
  }

  void run() {
    for (std::size_t left = limits_.requests; left > 0 && !broken_; --left) {
      calls_.idle();
      if (!wire_.next_request()) return;
      calls_.busy();
      answered_ = false;
      bool closed = false;
      const bool done = process_request(wire_, left == 1, closed, [](httplib::Request& request) {
        // A compressed or partial answer would be one more copy of keys.
        request.headers.erase("Accept-Encoding");
        request.ranges.clear();
      });
      if (!done || closed) return;
    }
  }

 private:
  void handle(const httplib::Request& request, httplib::Response& response) {
    answered_ = true;
    const auto said = std::make_shared<Said>(calls_.answer({request.method, request.target, request.body, {}}));
    response.status = said->status;
    wire_.begin(limits_.request);
    if (said->body.empty()) return;
    if (said->status != 200) return response.set_content(said->body, "application/json");
    // Straight from the memory that is wiped afterwards.
    response.set_content_provider(said->body.size(), "application/json",
                                  [said](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                    return sink.write(said->body.data() + offset, length);
                                  });
  }

  Wire wire_;
  const HttpLimits& limits_;
  const HttpCalls& calls_;
  bool answered_ = false;
  bool broken_ = false;
};

}  // namespace

void serve_http(int fd, const HttpLimits& limits, const HttpCalls& calls) {
  try {
    Conversation(fd, limits, calls).run();
  } catch (const std::exception&) {
    // Out of memory for this client: it finds its connection closed, and the others go on.
  }
}

}  // namespace tlspool::qkd
