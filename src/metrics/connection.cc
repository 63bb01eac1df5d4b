// SPDX-License-Identifier: Apache-2.0
#include "metrics/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace tlspool::metrics {
namespace {

// What is read and thrown away after the response, so that closing does not reset a connection whose peer still reads it.
constexpr std::size_t most_drained = 64 * 1024;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Connection::Connection(Loop& loop, UniqueFd socket, Page page, OnEnd on_end, std::chrono::milliseconds deadline)
    : socket_(std::move(socket)),
      page_(std::move(page)),
      on_end_(std::move(on_end)),
      poll_(loop, socket_.get(), [this](int) { ready(); }),
      timer_(loop) {
  poll_.want(Poll::readable);
  timer_.start(deadline, [this] { finish(); });
}

void Connection::ready() {
  switch (step_) {
    case Step::reading: return read_request();
    case Step::writing: return write_response();
    case Step::draining: return drain();
  }
}

void Connection::read_request() {
  std::array<char, longest_request> bytes;
  const ssize_t n = recv(socket_.get(), bytes.data(), longest_request - input_.size(), 0);
  if (n < 0 && would_block()) return;
  if (n <= 0) return finish();
  input_.append(bytes.data(), static_cast<std::size_t>(n));
  const Answer answer = answer_to(input_);
  if (answer == Answer::wait) return;
  const bool shown = answer == Answer::page || answer == Answer::page_head;
  output_ = response(answer, shown ? page_() : std::string{});
  step_ = Step::writing;
  write_response();
}

void Connection::write_response() {
  while (written_ < output_.size()) {
    const ssize_t n = send(socket_.get(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (n < 0 && would_block()) return poll_.want(Poll::writable);
    if (n < 0) return finish();
    written_ += static_cast<std::size_t>(n);
  }
  (void)shutdown(socket_.get(), SHUT_WR);
  step_ = Step::draining;
  poll_.want(Poll::readable);
}

void Connection::drain() {
  std::array<char, 4096> bytes;
  const ssize_t n = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && would_block()) return;
  drained_ += n > 0 ? static_cast<std::size_t>(n) : 0;
  if (n <= 0 || drained_ > most_drained) finish();
}

void Connection::finish() {
  poll_.want(Poll::none);
  timer_.stop();
  if (const OnEnd end = std::exchange(on_end_, nullptr)) end();
}

}  // namespace tlspool::metrics
