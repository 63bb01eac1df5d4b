// SPDX-License-Identifier: Apache-2.0
#include "etsi014/http.h"

#include <fcntl.h>
#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>

#include "base/text.h"
#include "etsi014/messages.h"

namespace tlspool::etsi014 {
namespace {

using std::chrono::steady_clock;

// Many servers close a connection that was idle for five seconds. One that they close while a request is on its way
// costs a key, so an idle connection is given up earlier.
constexpr std::chrono::seconds longest_idle{4};
constexpr std::size_t longest_headers = 64 * 1024;
// httplib matches the first line with std::regex, which recurses for each character.
constexpr std::size_t longest_first_line = 1024;

/// httplib's way to the socket: every wait ends at the deadline, and it knows what went over it.
class Wire : public httplib::Stream {
 public:
  enum class End { none, closed, timeout, failed, too_long };

  Wire(int fd, Deadline deadline) : fd_(fd), deadline_(deadline) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() override { wipe(buffer_.data(), buffer_.size()); }

  [[nodiscard]] bool is_readable() const override { return at_ < filled_ || wait(POLLIN); }
  [[nodiscard]] bool is_writable() const override { return wait(POLLOUT); }

  ssize_t read(char* into, std::size_t size) override {
    if (at_ == filled_ && !fill()) return end_ == End::closed ? 0 : -1;
    const std::size_t count = std::min(size, filled_ - at_);
    std::memcpy(into, buffer_.data() + at_, count);
    at_ += count;
    if (!first_line_read_) {
      first_line_ += count;
      first_line_read_ = std::memchr(into, '\n', count) != nullptr;
      if (!first_line_read_ && first_line_ > longest_first_line) return stop(End::too_long);
    }
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, std::size_t size) override {
    while (wait(POLLOUT)) {
      const ssize_t sent = ::send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        sent_ = sent_ || sent > 0;
        return sent;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return stop(End::failed, errno);
    }
    return -1;
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return fd_; }

  /// Bytes behind the answer, that nothing was asked for.
  [[nodiscard]] bool left_over() const { return at_ < filled_; }
  [[nodiscard]] bool sent() const { return sent_; }
  [[nodiscard]] bool received() const { return total_ > 0; }
  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] int number() const { return number_; }

 private:
  bool wait(short events) const {
    switch (wait_until(fd_, events, deadline_)) {
      case Waited::ready: return true;
      case Waited::late: end_ = End::timeout; return false;
      case Waited::failed: break;
    }
    end_ = End::failed;
    number_ = errno;
    return false;
  }

  bool fill() {
    while (wait(POLLIN)) {
      const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got > 0) {
        at_ = 0;
        filled_ = static_cast<std::size_t>(got);
        total_ += filled_;
        return total_ <= longest_body + longest_headers || stop(End::too_long) == 0;
      }
      if (got == 0) return stop(End::closed) == 0;
      if (errno == ECONNRESET) return stop(End::closed) == 0;
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return stop(End::failed, errno) == 0;
    }
    return false;
  }

  ssize_t stop(End end, int number = 0) {
    end_ = end;
    number_ = number;
    return -1;
  }

  int fd_;
  Deadline deadline_;
  std::array<char, 16384> buffer_{};
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::size_t total_ = 0;
  std::size_t first_line_ = 0;
  bool first_line_read_ = false;
  bool sent_ = false;
  mutable End end_ = End::none;
  mutable int number_ = 0;
};

}  // namespace

/// httplib's client on a descriptor of ours. It never connects, redirects, compresses, or asks a proxy.
class Http::Impl : private httplib::ClientImpl {
 public:
  Impl(HttpsUrl url, Connect connect)
      : ClientImpl(url.host, url.port), url_(std::move(url)), connect_(std::move(connect)) {
    set_keep_alive(true);
    set_follow_location(false);
    set_compress(false);
    set_decompress(false);
    set_url_encode(false);
  }

  Result<Reply> exchange(const Exchange& wanted, Deadline deadline) {
    deadline_ = deadline;
    wire_.reset();
    connect_error_.reset();
    forget_idle();
    httplib::Request request;
    request.method = wanted.method;
    request.path = url_.path + wanted.path;
    request.headers = {{"Host", HttpsUrl{url_.host, url_.port, {}}.text().substr(std::strlen("https://"))},
                       {"Accept", "application/json"},
                       {"Accept-Encoding", "identity"},
                       {"User-Agent", "tlspool/" TLSPOOL_VERSION}};
    if (!wanted.body.empty()) {
      request.headers.emplace("Content-Type", "application/json");
      request.body = wanted.body;
    }
    Reply reply;
    reply.body.reserve(16384);  // grows by hand below: what a vector leaves behind isn't wiped
    bool too_long = false;
    request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      too_long = reply.body.size() + size > longest_body;
      if (!too_long) append(reply.body, {reinterpret_cast<const std::uint8_t*>(data), size});
      return !too_long;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool whole = guarded_send(request, response, error);
    idle_since_ = steady_clock::now();
    if (!whole || too_long) {
      stop();
      return fail(lost(wanted, too_long));
    }
    if (wire_->left_over()) stop();
    reply.status = response.status;
    reply.content_type = response.get_header_value("Content-Type");
    return reply;
  }

 private:
  static void append(Bytes& body, ByteView more) {
    if (body.size() + more.size() > body.capacity()) {
      Bytes larger;
      larger.reserve(std::max(body.size() + more.size(), 2 * body.capacity()));
      larger.assign(body.begin(), body.end());
      wipe(body);
      body = std::move(larger);
    }
    body.insert(body.end(), more.begin(), more.end());
  }

  bool guarded_send(httplib::Request& request, httplib::Response& response, httplib::Error& error) {
    try {
      return send(request, response, error);
    } catch (const std::exception& e) {
      thrown_ = e.what();
      return false;
    }
  }

  /// The connection of the last request, unless it may be used again: nothing lies in it, it has not ended, and it
  /// is young enough that the entity won't end it while we write.
  void forget_idle() {
    thrown_.clear();
    if (!is_socket_open()) return;
    pollfd now{socket(), POLLIN, 0};
    if (poll(&now, 1, 0) != 0 || steady_clock::now() - idle_since_ > longest_idle) stop();
  }

  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    auto made = connect_(deadline_);
    if (!made) {
      connect_error_ = std::move(made.error());
      error = httplib::Error::Connection;
      return false;
    }
    const int flags = fcntl(made->get(), F_GETFL);
    (void)fcntl(made->get(), F_SETFL, flags | O_NONBLOCK);
    socket.sock = made->release();  // httplib closes it
    return true;
  }

  bool process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> exchange) override {
    wire_.emplace(socket.sock, deadline_);
    return exchange(*wire_);
  }

  Error lost(const Exchange& wanted, bool too_long) {
    if (connect_error_) {
      Error error = std::move(*connect_error_);
      error.reason = error.subject.empty() || error.subject == url_.text() ? error.reason : error.subject + ": " + error.reason;
      if (!error.operation.empty()) error.reason = error.operation + ": " + error.reason;
      error.operation = "connect to the key management entity";
      error.subject = url_.text();
      return error;
    }
    Error error{Code::protocol, wanted.method, url_.text() + wanted.path, "the answer is no HTTP", {}};
    if (!wire_) {
      error.reason = printable(thrown_);
    } else if (too_long || wire_->end() == Wire::End::too_long) {
      error.reason = "the answer is too long";
    } else if (!thrown_.empty()) {
      error.reason = printable(thrown_);
    } else if (wire_->end() == Wire::End::timeout) {
      error.code = Code::timeout;
      error.reason = wire_->received() ? "the answer had not ended at the deadline" : "no answer until the deadline";
    } else if (wire_->end() == Wire::End::closed) {
      error.code = Code::closed;
      error.reason = wire_->received() ? "the connection ended in the middle of the answer" : "the connection ended without an answer";
    } else if (wire_->end() == Wire::End::failed) {
      error.code = Code::io;
      error.reason = std::strerror(wire_->number());
    }
    error.advice = wire_ && wire_->sent() ? "see the entity's log" : "nothing was sent; try again";
    return error;
  }

  HttpsUrl url_;
  Connect connect_;
  Deadline deadline_;
  std::optional<Wire> wire_;
  std::optional<Error> connect_error_;
  std::string thrown_;
  steady_clock::time_point idle_since_;
};

Http::Http(HttpsUrl url, Connect connect) : impl_(std::make_unique<Impl>(std::move(url), std::move(connect))) {}
Http::~Http() = default;
Http::Http(Http&&) noexcept = default;
Http& Http::operator=(Http&&) noexcept = default;

Result<Reply> Http::exchange(const Exchange& wanted, Deadline deadline) { return impl_->exchange(wanted, deadline); }

}  // namespace tlspool::etsi014
