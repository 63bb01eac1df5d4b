// SPDX-License-Identifier: Apache-2.0
// What a taken process may write to one that serves it: the bytes come in pieces as the input says, and the channel with its
// limits delivers the frames that a plainer reader finds, in order, or closes where that one gives up.
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>

#include "base/socket.h"
#include "loop/channel.h"

using namespace tlspool;

namespace {

struct Read {
  std::vector<Frame> frames;
  bool broken = false;
};

Read plainly(ByteView bytes, std::size_t longest) {
  constexpr std::size_t header = 16;
  Read out;
  while (bytes.size() >= header) {
    std::uint32_t length = 0;
    Frame frame;
    std::memcpy(&length, bytes.data(), 4);
    std::memcpy(&frame.kind, bytes.data() + 4, 2);
    std::memcpy(&frame.number, bytes.data() + 8, 8);
    out.broken = length > longest;
    if (out.broken || bytes.size() - header < length) break;
    frame.body.assign(bytes.begin() + header, bytes.begin() + header + length);
    out.frames.push_back(std::move(frame));
    bytes = bytes.subspan(header + length);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0];
  Channel::Limits limits = Channel::for_server({});
  limits.body = 4096;
  limits.frames_a_turn = 1 + data[1] % 8;
  const ByteView bytes{data + 2, size - 2};
  const Read expected = plainly(bytes, limits.body);
  auto pair = socket_pair(SOCK_STREAM, true);
  if (!pair) return 0;
  Loop loop;
  std::vector<Frame> frames;
  bool closed = false;
  Channel channel(loop, std::move(pair->second), limits, [&](Frame frame) { frames.push_back(std::move(frame)); }, [&] { closed = true; });
  for (std::size_t at = 0; at < bytes.size() && !closed;) {
    const auto sent = transmit(pair->first.get(), bytes.subspan(at, std::min(piece, bytes.size() - at)), {}, MSG_DONTWAIT);
    if (!sent) break;
    if (sent->has_value()) at += **sent;
    loop.turn(std::chrono::milliseconds{0});
  }
  pair->first.reset();
  for (std::size_t i = 0; i < bytes.size() + 2 && !closed; ++i) loop.turn(std::chrono::milliseconds{0});
  if (!closed || frames.size() != expected.frames.size()) std::abort();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].kind != expected.frames[i].kind || frames[i].number != expected.frames[i].number || frames[i].body != expected.frames[i].body) std::abort();
  }
  return 0;
}
