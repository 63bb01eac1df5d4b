// SPDX-License-Identifier: Apache-2.0
#include "loop/varlink_connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/socket.h"

namespace tlspool {
namespace {

// One for the thread, not one a connection: nothing stays in it between two events.
std::span<std::uint8_t> scratch() {
  static thread_local std::array<std::uint8_t, 64 * 1024> buffer;
  return buffer;
}

}  // namespace

VarlinkConnection::VarlinkConnection(Loop& loop, UniqueFd socket, OnMessage on_message, OnClosed on_closed,
                                     Limits limits)
    : socket_(std::move(socket)), limits_(limits), state_(std::make_shared<State>()) {
  state_->on_message = std::move(on_message);
  state_->on_closed = std::move(on_closed);
  poll_ = std::make_unique<Poll>(loop, socket_.get(), [this](int events) { ready(events); });
  watch();
}

VarlinkConnection::~VarlinkConnection() { state_->alive = false; }

void VarlinkConnection::ready(int events) {
  const auto state = state_;
  if ((events & Poll::writable) != 0 && !flush()) return closed();
  if ((events & Poll::hangup_only) != 0) return closed();
  if (paused_ && (events & Poll::readable) != 0) return look_while_paused();
  if ((events & Poll::readable) == 0) return watch();
  Step step = Step::again;
  // A bound, so that a program that never stops asking does not keep the others waiting.
  for (int n = 0; n < 32 && step == Step::again; ++n) {
    step = read_one();
    if (!state->alive || !socket_.valid()) return;
    if (paused_ || !output_.empty()) break;
  }
  if (step == Step::gone) return closed();
  watch();
}

// Most programs wait for their answer in silence, so reading is switched off when something comes, not before.
void VarlinkConnection::look_while_paused() {
  char byte;
  const ssize_t n = recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return poll_->want(Poll::hangup_only);
  if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) closed();
}

// The kernel joins a message without descriptors to the next one's in one read, and then nobody can tell
// whose the descriptors are. So: look first, then read up to the NUL and no further.
VarlinkConnection::Step VarlinkConnection::read_one() {
  const auto buffer = scratch();
  ssize_t seen;
  do {
    // Without room for control data a peek makes no copies of the descriptors.
    seen = recv(socket_.get(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  } while (seen < 0 && errno == EINTR);
  if (seen < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Step::wait : Step::gone;
  if (seen == 0) return Step::gone;
  const auto size = static_cast<std::size_t>(seen);
  const void* nul = std::memchr(buffer.data(), 0, size);
  const std::size_t take =
      nul == nullptr ? size : static_cast<std::size_t>(static_cast<const std::uint8_t*>(nul) - buffer.data()) + 1;
  if (partial_.size() + take > limits_.message + (nul == nullptr ? 0 : 1)) {
    return refuse("a message is longer than " + std::to_string(limits_.message / 1024) + " KiB");
  }
  // What has no NUL is read too: the kernel shows no more than the part that came with descriptors.
  auto got = receive(socket_.get(), buffer.first(take), MSG_DONTWAIT);
  if (!got) return Step::gone;
  if (!got->has_value()) return Step::wait;
  if ((*got)->truncated) return refuse("not every descriptor of a message could be taken: too many files are open");
  if ((*got)->size == 0) return Step::gone;
  for (UniqueFd& d : (*got)->descriptors) received_.push_back(std::move(d));
  if (received_.size() > limits_.descriptors) {
    return refuse("a message carries more than " + std::to_string(limits_.descriptors) + " descriptors");
  }
  partial_.append(reinterpret_cast<const char*>(buffer.data()), (*got)->size);
  if (partial_.back() != '\0') return Step::again;
  partial_.pop_back();
  const auto state = state_;
  state->on_message(std::exchange(partial_, {}), std::exchange(received_, {}));
  return size > take ? Step::again : Step::wait;
}

// What breaks a limit is not read to its end, so no call is there to answer: the log says why.
VarlinkConnection::Step VarlinkConnection::refuse(const std::string& problem) const {
  const auto who = peer_credentials(socket_.get());
  log::warning("control.dropped", {{"uid", who ? std::to_string(who->uid) : "-"},
                                   {"pid", who ? std::to_string(who->pid) : "-"},
                                   {"problem", problem}});
  return Step::gone;
}

void VarlinkConnection::send(std::string text, std::vector<UniqueFd> descriptors) {
  if (!socket_.valid()) return;
  output_.push_back({std::move(text), 0, std::move(descriptors)});
  // The caller is spared a callback from within send(): the poll finds the end.
  if (output_.size() == 1 && !flush()) shutdown(socket_.get(), SHUT_RDWR);
  watch();
}

bool VarlinkConnection::flush() {
  while (!output_.empty()) {
    Pending& p = output_.front();
    const auto fds = p.sent == 0 ? borrowed(p.descriptors) : std::vector<int>{};
    auto sent = transmit(socket_.get(), view(p.text).subspan(p.sent), fds, MSG_DONTWAIT);
    if (!sent) {
      output_.clear();
      return false;
    }
    if (!sent->has_value()) return true;
    p.descriptors.clear();
    p.sent += **sent;
    if (p.sent < p.text.size()) return true;
    output_.pop_front();
  }
  return true;
}

void VarlinkConnection::watch() {
  if (!poll_) return;
  if (!output_.empty()) return poll_->want(Poll::writable);
  if (!paused_ || poll_->wanted() != Poll::readable) poll_->want(paused_ ? Poll::hangup_only : Poll::readable);
}

void VarlinkConnection::pause() {
  paused_ = true;
  watch();
}

void VarlinkConnection::resume() {
  paused_ = false;
  watch();
}

UniqueFd VarlinkConnection::release(Bytes& unread) {
  poll_.reset();
  received_.clear();
  unread = copy_of(view(partial_));
  partial_.clear();
  return std::move(socket_);
}

void VarlinkConnection::closed() {
  if (!socket_.valid()) return;
  poll_.reset();
  socket_.reset();
  output_.clear();
  received_.clear();
  const auto state = state_;
  if (state->on_closed) state->on_closed();
}

}  // namespace tlspool
