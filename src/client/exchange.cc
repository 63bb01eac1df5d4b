// SPDX-License-Identifier: Apache-2.0
#include "client/exchange.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/deadline.h"
#include "base/socket.h"
#include "client/connections.h"

namespace tlspool::client {
namespace {

std::string advice_for(std::string_view socket) {
  std::string directory(socket.substr(0, socket.rfind('/')));
  if (directory == "/run/tlspool") {
    directory = "/etc/tlspool";
  } else if (directory.ends_with("/run")) {
    directory.resize(directory.size() - 4);
  }
  return "start it with `tlspoold --pool " + directory + "`";
}

Error no_pool(const std::string& socket, int number) {
  const std::string reason = std::strerror(number);
  if (number == EACCES || number == EPERM) {
    return {Code::denied, "connect", socket, reason, "this user may not reach the pool's socket"};
  }
  if (number == ENOENT || number == ENOTDIR || number == ECONNREFUSED) {
    return {Code::not_found, "no pool answers on " + socket, "", reason, advice_for(socket)};
  }
  return {Code::io, "connect", socket, reason, {}};
}

}  // namespace

short Exchange::events() const {
  switch (state_) {
    case State::connecting: return 0;
    case State::sending: return POLLOUT;
    case State::receiving: return POLLIN;
    case State::ended: return 0;
  }
  return 0;
}

Result<Exchange::Progress> Exchange::step() {
  auto progress = Result<Progress>(Progress::again);
  State before;
  do {
    before = state_;
    switch (state_) {
      case State::connecting: progress = connect(); break;
      case State::sending: progress = send(); break;
      case State::receiving: progress = receive(); break;
      case State::ended: return Progress::done;
    }
  } while (progress && *progress == Progress::again && state_ != before);
  return progress;
}

Result<Exchange::Progress> Exchange::connect() {
  reused_ = false;
  if (!fresh_only_) {
    if (auto idle = take_idle(socket_)) {
      connection_ = std::move(*idle);
      reused_ = true;
    }
  }
  if (!reused_) {
    auto made = try_connect_unix(socket_);
    if (!made && errno == EAGAIN) return Progress::again;
    if (!made) {
      number_ = errno;
      return fail(no_pool(socket_, number_));
    }
    connection_ = std::move(*made);
  }
  state_ = State::sending;
  return Progress::again;
}

Result<Exchange::Progress> Exchange::send() {
  while (sent_ < text_.size()) {
    const auto descriptors = sent_ == 0 ? std::span<const int>(descriptors_) : std::span<const int>();
    auto sent = transmit(connection_.get(), view(text_).subspan(sent_), descriptors, MSG_DONTWAIT);
    if (!sent) {
      const int number = errno;
      if (sent.error().code == Code::closed) return lost(number, "it closed the connection");
      number_ = number;
      return fail(std::move(sent.error()));
    }
    if (!sent->has_value()) return Progress::again;
    sent_ += **sent;
  }
  untouched_ = false;
  state_ = State::receiving;
  return Progress::again;
}

Result<Exchange::Progress> Exchange::receive() {
  std::array<std::uint8_t, 4096> chunk;
  while (true) {
    // Look first: bytes behind the NUL are the next message's, and so are descriptors that come with them.
    const ssize_t seen = recv(connection_.get(), chunk.data(), chunk.size(), MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Progress::again;
    if (seen < 0) {
      const int number = errno;
      // unix(7): the other side closed while bytes of ours lay there unread, and a pool acts only on whole
      // messages that it took out of the socket.
      untouched_ = number == ECONNRESET && input_.empty();
      return lost(number, "it closed the connection");
    }
    if (seen == 0) return lost(ECONNRESET, "it ended before it answered");
    const auto* nul = static_cast<const std::uint8_t*>(std::memchr(chunk.data(), 0, static_cast<std::size_t>(seen)));
    const std::size_t size = nul == nullptr ? static_cast<std::size_t>(seen) : nul - chunk.data() + 1;
    auto got = tlspool::receive(connection_.get(), {chunk.data(), size}, MSG_DONTWAIT);
    if (!got) return lost(errno, "it closed the connection");
    if (!got->has_value() || (*got)->size == 0) return Progress::again;
    if ((*got)->truncated) return malformed("descriptors were lost; too many are open in this program");
    if (!input_.empty() && !(*got)->descriptors.empty()) return malformed("descriptors in the middle of an answer");
    if (!(*got)->descriptors.empty()) received_ = std::move((*got)->descriptors);
    input_.append(reinterpret_cast<const char*>(chunk.data()), (*got)->size);
    if (input_.size() > wire::max_message + 1) return malformed("longer than 256 KiB");
    if (input_.back() == '\0') return finish();
  }
}

Result<Exchange::Progress> Exchange::finish() {
  input_.pop_back();
  auto answer = wire::parse_answer(input_);
  if (!answer) return malformed(answer.error().reason);
  if (answer->continues) return malformed("more than one answer to one call");
  answer_ = std::move(*answer);
  keep_idle(socket_, std::move(connection_));
  state_ = State::ended;
  return Progress::done;
}

/// A kept connection may have died with the pool that made it: that is no reason to bother the caller.
bool Exchange::start_over() {
  if (!reused_ || !untouched_ || fresh_only_) return false;
  fresh_only_ = true;
  connection_.reset();
  sent_ = 0;
  state_ = State::connecting;
  return true;
}

Result<Exchange::Progress> Exchange::lost(int number, std::string_view why) {
  if (start_over()) return Progress::again;
  number_ = number;
  connection_.reset();
  return fail({Code::closed, "the pool on " + socket_, "", std::string(why), "see its log"});
}

Result<Exchange::Progress> Exchange::malformed(std::string reason) {
  number_ = EBADMSG;
  connection_.reset();
  received_.clear();
  return fail({Code::protocol, "answer of the pool", socket_, std::move(reason), {}});
}

Status run(Exchange& exchange, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const auto progress = exchange.step();
    if (!progress) return fail(progress.error());
    if (*progress == Exchange::Progress::done) return {};
    const int left = milliseconds_left(deadline);
    if (left == 0) return fail({Code::timeout, "the pool", "", "did not answer in time", "see its log"});
    pollfd waiting{exchange.fd(), exchange.events(), 0};
    const int wait = exchange.fd() < 0 ? std::min(left, static_cast<int>(Exchange::retry_delay.count())) : left;
    if (poll(&waiting, 1, wait) < 0 && errno != EINTR) return fail(system_error("poll", "", errno));
  }
}

}  // namespace tlspool::client
