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

bool KeeperLink::ask(const std::string& token, uid_t uid, wire::SignRequest& request, OnReply on_reply) {
  const auto found = lines_.find(token);
  if (found == lines_.end()) return false;
  Line& line = *found->second;
  request.number = ++last_number_;
  line.queue.push(uid, {request.number, wire::encode(request)});
  waiting_[request.number] = {token, std::move(on_reply), counters::Clock::now()};
  flush(line);
  return true;
}

void KeeperLink::forget(std::uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  if (const auto line = lines_.find(found->second.token); line != lines_.end()) {
    line->second->queue.remove_if([number](const Packet& packet) { return packet.number == number; });
  }
  waiting_.erase(found);
}

// A socket that is broken is found by the poll: drop() then tells all who wait.
void KeeperLink::flush(Line& line) {
  bool full = false;
  while (!full && !line.queue.empty() && line.at_keeper < most_at_keeper) {
    const Bytes& packet = line.queue.front().bytes;
    const ssize_t n = send(line.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    full = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n < 0) break;
    line.queue.pop();
    ++line.at_keeper;
  }
  line.poll->want(Poll::readable | (full ? Poll::writable : 0));
}

void KeeperLink::ready(Line& line, int events) {
  const std::shared_ptr<Line> keep = lines_[line.token];
  if ((events & Poll::writable) != 0) flush(line);
  if ((events & Poll::readable) == 0) return;
  std::array<std::uint8_t, max_reply> packet;
  while (line.poll) {
    const ssize_t n = recv(line.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return flush(line);
    if (n <= 0) {
      log::warning("keeper.gone", {{"token", line.token}});
      drop(line.token);
      return;
    }
    if (line.at_keeper > 0) --line.at_keeper;
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
