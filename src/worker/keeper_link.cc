// SPDX-License-Identifier: Apache-2.0
#include "worker/keeper_link.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/log.h"

namespace tlspool::worker {
namespace {
// A reply holds one signature and perhaps an error text.
constexpr std::size_t max_reply = 16 * 1024;
}  // namespace

void KeeperLink::connect(const std::string& token, UniqueFd socket) {
  drop(token);
  auto line = std::make_shared<Line>();
  line->token = token;
  line->socket = std::move(socket);
  const int room = static_cast<int>(2 * wire::max_sign_packet);
  setsockopt(line->socket.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  line->poll = std::make_unique<Poll>(loop_, line->socket.get(), [this, raw = line.get()](int events) { ready(*raw, events); });
  line->poll->want(Poll::readable);
  lines_[token] = std::move(line);
}

bool KeeperLink::ask(const std::string& token, wire::SignRequest& request, OnReply on_reply) {
  const auto found = lines_.find(token);
  if (found == lines_.end()) return false;
  Line& line = *found->second;
  request.number = ++last_number_;
  line.queue.push_back(wire::encode(request));
  if (line.queue.size() == 1 && !flush(line)) return false;  // the poll finds the closed socket
  waiting_[request.number] = {token, std::move(on_reply), counters::Clock::now()};
  if (!line.queue.empty()) line.poll->want(Poll::readable | Poll::writable);
  return true;
}

bool KeeperLink::flush(Line& line) {
  while (!line.queue.empty()) {
    const Bytes& packet = line.queue.front();
    const ssize_t n = send(line.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      line.queue.pop_front();
      return false;
    }
    line.queue.pop_front();
  }
  return true;
}

void KeeperLink::ready(Line& line, int events) {
  const std::shared_ptr<Line> keep = lines_[line.token];
  if ((events & Poll::writable) != 0) {
    (void)flush(line);
    line.poll->want(Poll::readable | (line.queue.empty() ? 0 : Poll::writable));
  }
  if ((events & Poll::readable) == 0) return;
  std::array<std::uint8_t, max_reply> packet;
  while (line.poll) {
    const ssize_t n = recv(line.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n <= 0) {
      log::warning("keeper.gone", {{"token", line.token}});
      drop(line.token);
      return;
    }
    auto reply = wire::decode<wire::SignReply>({packet.data(), static_cast<std::size_t>(n)});
    if (!reply) continue;
    const auto found = waiting_.find(reply->number);
    if (found == waiting_.end()) continue;
    counters::observe<counters::Family::keeper_wait>(counters::Clock::now() - found->second.since);
    OnReply on_reply = std::move(found->second.on_reply);
    waiting_.erase(found);
    on_reply(std::move(*reply));
  }
}

void KeeperLink::drop(const std::string& token) {
  const auto found = lines_.find(token);
  if (found == lines_.end()) return;
  found->second->poll.reset();
  lines_.erase(found);
  std::vector<std::pair<std::uint64_t, OnReply>> orphans;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.token == token) {
      orphans.emplace_back(at->first, std::move(at->second.on_reply));
      at = waiting_.erase(at);
    } else {
      ++at;
    }
  }
  for (auto& [number, on_reply] : orphans) {
    on_reply({number, {}, "sign: token=" + token + ": the keeper went away; try again in a moment"});
  }
}

}  // namespace tlspool::worker
