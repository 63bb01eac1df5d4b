// SPDX-License-Identifier: Apache-2.0
#include "tunnel/caller.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/socket.h"
#include "tunnel/request.h"
#include "wire/varlink.h"

namespace tlspool::tunnel {

struct Caller::Line {
  UniqueFd fd;
  std::unique_ptr<Poll> poll;
  Done done;               ///< empty: idle
  std::uint64_t since = 0; ///< when the call was sent
  std::string partial;     ///< what came of the answer so far
};

Caller::Caller(Loop& loop, std::string socket, std::string request)
    : loop_(loop), socket_(std::move(socket)), request_(std::move(request)) {}

Caller::~Caller() = default;

Result<Caller::Line*> Caller::dial() {
  // Blocks only while the daemon's backlog (SOMAXCONN) is full of connections that it has not accepted.
  auto fd = connect_unix(socket_);
  if (!fd) {
    Error e = std::move(fd.error());
    e.advice = "is tlspoold running for this pool? `tlspool doctor` tells more";
    return fail(std::move(e));
  }
  auto line = std::make_unique<Line>();
  Line* raw = line.get();
  raw->fd = std::move(*fd);
  raw->poll = std::make_unique<Poll>(loop_, raw->fd.get(), [this, raw](int) { ready(*raw); });
  raw->poll->want(Poll::readable);
  lines_.emplace(raw->fd.get(), std::move(line));
  return raw;
}

Result<Caller::Sent> Caller::send(Line& line, const UniqueFd& tls, const UniqueFd& plain) {
  const std::array<int, 2> descriptors{tls.get(), plain.get()};
  auto sent = transmit(line.fd.get(), view(request_), descriptors, MSG_DONTWAIT);
  if (sent && sent->has_value() && **sent == request_.size()) return Sent::yes;
  if (!sent && sent.error().code != Code::closed) return fail(std::move(sent.error()));
  // The daemon went away, or (which a fresh connection's buffer rules out) took only a part.
  return Sent::stale;
}

Status Caller::start(UniqueFd tls, UniqueFd plain, Done done) {
  while (true) {
    Line* line = nullptr;
    const bool fresh = idle_.empty();
    if (fresh) {
      auto dialled = dial();
      if (!dialled) return fail(std::move(dialled.error()));
      line = *dialled;
    } else {
      line = lines_.at(idle_.front()).get();
      idle_.pop_front();
    }
    const auto sent = send(*line, tls, plain);
    if (sent && *sent == Sent::yes) {
      line->done = std::move(done);
      line->since = loop_.now();
      return {};
    }
    lines_.erase(line->fd.get());
    if (!sent) return fail(sent.error());
    if (fresh) return fail({Code::closed, "StartTLS", socket_, "the pool closed the connection", {}});
  }
}

void Caller::ready(Line& line) {
  static std::array<char, 64 * 1024> buffer;  // one for all: the loop has one thread
  // Plain recv: a descriptor that came along, which no answer of ours has, is dropped by the kernel.
  const ssize_t n = recv(line.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(line, "the pool went away during the handshake");
  std::string_view text(buffer.data(), static_cast<std::size_t>(n));
  if (!line.partial.empty() || text.back() != '\0') {
    line.partial += text;
    if (line.partial.size() > wire::max_message) return drop(line, "the pool's answer has no end");
    if (line.partial.back() != '\0') return;
    text = line.partial;
  }
  if (!line.done) return drop(line, {});  // an answer to nothing
  text.remove_suffix(1);
  const std::string failure = failure_in(text);
  line.partial.clear();
  const Done done = std::exchange(line.done, nullptr);
  idle_.push_back(line.fd.get());
  done(failure);
}

void Caller::drop(Line& line, std::string_view why) {
  const Done done = std::exchange(line.done, nullptr);
  std::erase(idle_, line.fd.get());
  lines_.erase(line.fd.get());
  if (done) done(why);
}

void Caller::expire(std::uint64_t oldest) {
  std::vector<Line*> late;
  for (const auto& [fd, line] : lines_) {
    if (line->done && line->since < oldest) late.push_back(line.get());
  }
  for (Line* line : late) drop(*line, "the pool did not answer in time");
}

}  // namespace tlspool::tunnel
