// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/socket.h"
#include "loop/loop.h"

namespace tlspool {

/// What a frame is: a wire::Kind, or a word of what else is spoken over such a socket.
class FrameKind {
 public:
  constexpr FrameKind(std::uint16_t number = 0) : number_(number) {}
  template <class Enum>
    requires std::is_same_v<std::underlying_type_t<Enum>, std::uint16_t>
  constexpr FrameKind(Enum word) : number_(static_cast<std::uint16_t>(word)) {}

  constexpr operator std::uint16_t() const { return number_; }
  template <class Enum>
    requires std::is_enum_v<Enum>
  constexpr explicit operator Enum() const {
    return static_cast<Enum>(number_);
  }
  template <class Enum>
    requires std::is_enum_v<Enum>
  friend constexpr bool operator==(FrameKind kind, Enum word) {
    return kind.number_ == static_cast<std::uint16_t>(word);
  }

 private:
  std::uint16_t number_;
};

/// One message between two processes of the pool. The number pairs an answer with
/// its request (0 where there is none).
struct Frame {
  FrameKind kind;
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

  /// What the other end may do to this one. Whoever serves several others sets limits, so that one of them that was taken
  /// over can neither keep it from the rest nor fill its memory; of two ends one must be without, or both could wait.
  struct Limits {
    std::string from;                       ///< for the log, where the channel is closed because of one
    std::size_t body = max_body;            ///< longer frames close the channel
    std::size_t descriptors = 1024;         ///< that came and belong to no frame yet: more close the channel
    std::size_t frames_a_turn = SIZE_MAX;   ///< then others have their turn
    std::size_t output = SIZE_MAX;          ///< bytes that wait for a reader: with more, no frame is taken
    std::size_t unanswered = SIZE_MAX;      ///< frames that came without one that was sent: with more, none is taken
  };
  /// Of a process that is asked by several.
  [[nodiscard]] static Limits for_server(std::string from) { return {std::move(from), 1 << 20, 0, 64, 1 << 20, SIZE_MAX}; }

  /// Both callbacks may destroy the channel.
  Channel(Loop& loop, UniqueFd socket, OnFrame on_frame, OnClosed on_closed) : Channel(loop, std::move(socket), {}, std::move(on_frame), std::move(on_closed)) {}
  Channel(Loop& loop, UniqueFd socket, Limits limits, OnFrame on_frame, OnClosed on_closed);
  ~Channel();
  void send(FrameKind kind, std::uint64_t number, ByteView body, std::vector<UniqueFd> descriptors = {});
  [[nodiscard]] bool open() const { return socket_.valid(); }
  /// Bytes that the other end has not taken yet.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
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
  void read_some();
  void append_input(ByteView bytes);
  bool deliver();
  [[nodiscard]] bool has_frame() const;
  [[nodiscard]] bool takes_frames() const { return waiting_ <= limits_.output && unanswered_ < limits_.unanswered; }
  void want();
  void flush();
  void broken(const char* how);
  void wipe_front(std::size_t count);
  void closed();

  UniqueFd socket_;
  Limits limits_;
  std::shared_ptr<const OnFrame> on_frame_;  // held by deliver(), too: the callback may destroy the channel
  OnClosed on_closed_;
  std::unique_ptr<Poll> poll_;
  Bytes input_;
  std::deque<UniqueFd> received_;
  std::deque<Pending> output_;
  std::size_t waiting_ = 0;     // bytes in it
  std::size_t unanswered_ = 0;
  bool held_ = false;
  bool delivering_ = false;
  bool ended_ = false;          // nothing more will come; what has come is delivered first
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The same framing for a process without a loop: blocking, for start-up and one-shot commands.
[[nodiscard]] Status send_frame(int socket, const Frame& frame);
/// Code::closed at the end of the stream.
[[nodiscard]] Result<Frame> receive_frame(int socket);

}  // namespace tlspool
