// SPDX-License-Identifier: Apache-2.0
#include "loop/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.h"
#include "base/secret.h"

namespace tlspool {
namespace {

constexpr std::size_t header_size = 16;
constexpr std::size_t together = 4096;  // bytes of held frames that go as one

struct Header {
  std::uint32_t length = 0;  // of the body
  std::uint16_t kind = 0;
  std::uint16_t descriptors = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Header) == header_size);

Bytes encode(std::uint16_t kind, std::uint64_t number, ByteView body, std::size_t descriptors) {
  const Header header{static_cast<std::uint32_t>(body.size()), kind, static_cast<std::uint16_t>(descriptors), number};
  Bytes out(header_size + body.size());
  std::memcpy(out.data(), &header, header_size);
  if (!body.empty()) std::memcpy(out.data() + header_size, body.data(), body.size());
  return out;
}

Header decode(const std::uint8_t* bytes) {
  Header header;
  std::memcpy(&header, bytes, header_size);
  return header;
}

}  // namespace

Channel::Channel(Loop& loop, UniqueFd socket, Limits limits, OnFrame on_frame, OnClosed on_closed)
    : socket_(std::move(socket)),
      limits_(std::move(limits)),
      on_frame_(std::make_shared<const OnFrame>(std::move(on_frame))),
      on_closed_(std::move(on_closed)) {
  poll_ = std::make_unique<Poll>(loop, socket_.get(), [this](int events) { ready(events); });
  poll_->want(Poll::readable);
}

Channel::~Channel() {
  *alive_ = false;
  wipe(input_);
  for (Pending& p : output_) wipe(p.bytes);
}

// One read in each turn of the loop, however much there is: the others have theirs, too.
void Channel::ready(int events) {
  const auto alive = alive_;
  if ((events & Poll::writable) != 0) flush();
  if (!*alive || !socket_.valid()) return;
  if ((events & Poll::readable) != 0 && !has_frame()) read_some();
  if (!*alive || !socket_.valid() || !deliver() || !socket_.valid()) return;
  if (ended_ && !has_frame()) return closed();
  want();
}

bool Channel::has_frame() const {
  if (input_.size() < header_size) return false;
  const Header header = decode(input_.data());
  return header.length > limits_.body || input_.size() - header_size >= header.length;
}

void Channel::want() {
  if (delivering_) return;  // ready() does it when all are delivered
  int events = output_.empty() ? Poll::none : Poll::writable;
  // Frames that wait for the next turn: a socket that takes bytes is ready at once.
  if (has_frame() && takes_frames()) events |= Poll::writable;
  if (!has_frame() && takes_frames() && !ended_) events |= Poll::readable;
  // Frames are taken again when an answer was sent: send() comes back here. What else happens is of no interest.
  poll_->want(events);
}

void Channel::read_some() {
  // One for the thread: room in each channel's own buffer would have to be filled with zeros for each read.
  static thread_local std::array<std::uint8_t, 64 * 1024> scratch;
  auto got = receive(socket_.get(), scratch, MSG_DONTWAIT);
  const bool any = got && got->has_value();
  if (any) {
    append_input({scratch.data(), (*got)->size});
    wipe(scratch.data(), (*got)->size);
  }
  ended_ = !got || (any && ((*got)->size == 0 || (*got)->truncated));
  if (!any) return;
  for (UniqueFd& d : (*got)->descriptors) received_.push_back(std::move(d));
  if (received_.size() > limits_.descriptors) broken("descriptors that belong to no frame");
}

// A vector that grows by itself would leave keys behind in freed memory.
void Channel::append_input(ByteView bytes) {
  const std::size_t needed = input_.size() + bytes.size();
  if (needed > input_.capacity()) {
    Bytes larger;
    larger.reserve(std::max(needed, 2 * input_.capacity()));
    larger.assign(input_.begin(), input_.end());
    wipe(input_);
    input_ = std::move(larger);
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

bool Channel::deliver() {
  const auto alive = alive_;
  const auto on_frame = on_frame_;
  std::size_t at = 0;
  delivering_ = true;
  for (std::size_t count = 0; count < limits_.frames_a_turn && takes_frames() && input_.size() - at >= header_size; ++count) {
    const Header header = decode(input_.data() + at);
    if (header.length > limits_.body) {
      broken("a frame that is too long");
      return *alive;
    }
    if (input_.size() - at < header_size + header.length) break;
    Frame frame{header.kind, header.number, {}, {}};
    const auto* body = input_.data() + at + header_size;
    frame.body.assign(body, body + header.length);
    for (unsigned i = 0; i < header.descriptors && !received_.empty(); ++i) {
      frame.descriptors.push_back(std::move(received_.front()));
      received_.pop_front();
    }
    at += header_size + header.length;
    ++unanswered_;
    (*on_frame)(std::move(frame));
    if (!*alive) return false;
    if (!socket_.valid()) return true;
  }
  delivering_ = false;
  wipe_front(at);
  return true;
}

void Channel::send(FrameKind kind, std::uint64_t number, ByteView body, std::vector<UniqueFd> descriptors) {
  if (!socket_.valid()) return;
  Bytes bytes = encode(kind, number, body, descriptors.size());
  waiting_ += bytes.size();
  if (unanswered_ > 0) --unanswered_;
  const bool alone = !held_ || !descriptors.empty() || bytes.size() > together;
  if (alone) {
    output_.push_back({std::move(bytes), 0, std::move(descriptors)});
    if (!held_) flush();
    return;
  }
  // Never beyond the capacity: growing would leave keys behind in freed memory.
  if (output_.empty() || !output_.back().descriptors.empty() || output_.back().bytes.capacity() < output_.back().bytes.size() + bytes.size()) {
    output_.push_back({});
    output_.back().bytes.reserve(together);
  }
  output_.back().bytes.insert(output_.back().bytes.end(), bytes.begin(), bytes.end());
  wipe(bytes);
}

void Channel::release() {
  held_ = false;
  if (socket_.valid() && !output_.empty()) flush();
}

void Channel::flush() {
  while (!output_.empty()) {
    Pending& p = output_.front();
    const auto fds = p.sent == 0 ? borrowed(p.descriptors) : std::vector<int>{};
    auto sent = transmit(socket_.get(), ByteView{p.bytes}.subspan(p.sent), fds, MSG_DONTWAIT);
    if (!sent) {
      for (Pending& each : output_) wipe(each.bytes);
      output_.clear();  // The reader learns of the end from its own side.
      waiting_ = 0;
      break;
    }
    if (!sent->has_value()) break;
    p.descriptors.clear();
    p.sent += **sent;
    waiting_ -= **sent;
    if (p.sent < p.bytes.size()) break;
    wipe(p.bytes);
    output_.pop_front();
  }
  want();
}

// Who is in his right mind sends no such thing.
void Channel::broken(const char* how) {
  if (!limits_.from.empty()) log::error("channel.refused", {{"from", limits_.from}, {"reason", how}});
  closed();
}

// Keys pass here: nothing that was delivered or sent stays behind in freed memory.
void Channel::wipe_front(std::size_t count) {
  wipe(input_.data(), count);
  input_.erase(input_.begin(), input_.begin() + static_cast<long>(count));
}

void Channel::closed() {
  if (!socket_.valid()) return;
  poll_->want(Poll::none);
  poll_.reset();
  socket_.reset();
  for (Pending& p : output_) wipe(p.bytes);
  output_.clear();
  waiting_ = 0;
  if (OnClosed callback = std::move(on_closed_)) callback();
}

namespace {

Status send_all(int socket, ByteView bytes, const std::vector<int>& descriptors) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    auto sent = transmit(socket, bytes.subspan(at), at == 0 ? descriptors : std::vector<int>{});
    if (!sent) return fail(std::move(sent.error()));
    if (!sent->has_value()) return fail({Code::timeout, "sendmsg", "", "the other process does not read", {}});
    at += **sent;
  }
  return {};
}

}  // namespace

Status send_frame(int socket, const Frame& frame) {
  Bytes bytes = encode(frame.kind, frame.number, frame.body, frame.descriptors.size());
  Status sent = send_all(socket, bytes, borrowed(frame.descriptors));
  wipe(bytes);
  return sent;
}

Result<Frame> receive_frame(int socket) {
  Frame frame;
  Bytes bytes(header_size);
  std::size_t have = 0;
  std::size_t need = header_size;
  while (have < need) {
    auto got = receive(socket, {bytes.data() + have, need - have}, 0);
    if (!got) return fail(std::move(got.error()));
    if (!got->has_value()) return fail({Code::timeout, "recvmsg", "", "the other process is silent", {}});
    if ((*got)->size == 0) return fail({Code::closed, "recvmsg", "", "the other process ended", {}});
    for (UniqueFd& d : (*got)->descriptors) frame.descriptors.push_back(std::move(d));
    have += (*got)->size;
    if (have == header_size && need == header_size) {
      const Header header = decode(bytes.data());
      if (header.length > Channel::max_body) return fail({Code::protocol, "recvmsg", "", "frame too long", {}});
      need = header_size + header.length;
      bytes.resize(need);
    }
  }
  const Header header = decode(bytes.data());
  frame.kind = header.kind;
  frame.number = header.number;
  frame.body.assign(bytes.begin() + header_size, bytes.end());
  wipe(bytes);
  if (frame.descriptors.size() != header.descriptors) {
    return fail({Code::protocol, "recvmsg", "", "a frame with another number of descriptors than it says", {}});
  }
  return frame;
}

}  // namespace tlspool
