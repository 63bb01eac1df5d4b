// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "loop/loop.h"

namespace tlspool {

/// One message between two processes of the pool. `kind` is a wire::Kind; the number pairs an answer with
/// its request (0 where there is none).
struct Frame {
  std::uint16_t kind = 0;
  std::uint64_t number = 0;
  Bytes body;
  std::vector<UniqueFd> descriptors;
};

/// Frames over a stream socketpair between two processes of the pool: 4 bytes length of what follows,
/// 2 kind, 2 count of descriptors, 8 number, then the body; all little-endian (both ends are one program
/// on one machine). Never blocks: what the socket does not take waits in a queue.
class Channel {
 public:
  using OnFrame = std::function<void(Frame)>;
  using OnClosed = std::function<void()>;
  static constexpr std::size_t max_body = 16 << 20;

  /// Both callbacks may destroy the channel.
  Channel(Loop& loop, UniqueFd socket, OnFrame on_frame, OnClosed on_closed);
  ~Channel();
  void send(std::uint16_t kind, std::uint64_t number, ByteView body, std::vector<UniqueFd> descriptors = {});
  [[nodiscard]] bool open() const { return socket_.valid(); }
  /// Until release() what is sent only queues up, and then goes in as few system calls as can be: the other end, too, is
  /// woken once for all of it.
  void hold() { held_ = true; }
  void release();

 private:
  struct Pending {
    Bytes bytes;
    std::size_t sent = 0;
    std::vector<UniqueFd> descriptors;
  };
  void ready(int events);
  bool read_some();
  void append_input(ByteView bytes);
  bool deliver();
  void flush();
  void wipe_front(std::size_t count);
  void closed();

  UniqueFd socket_;
  std::shared_ptr<const OnFrame> on_frame_;  // held by deliver(), too: the callback may destroy the channel
  OnClosed on_closed_;
  std::unique_ptr<Poll> poll_;
  Bytes input_;
  std::deque<UniqueFd> received_;
  std::deque<Pending> output_;
  bool held_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The same framing for a process without a loop: blocking, for start-up and one-shot commands.
[[nodiscard]] Status send_frame(int socket, const Frame& frame);
/// Code::closed at the end of the stream.
[[nodiscard]] Result<Frame> receive_frame(int socket);

}  // namespace tlspool
