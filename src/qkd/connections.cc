// SPDX-License-Identifier: Apache-2.0
#include "qkd/connections.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <memory>
#include <system_error>

namespace tlspool::qkd {

using Clock = std::chrono::steady_clock;

void Connections::Client::idle() {
  const std::lock_guard hold(owner->lock_);
  waiting = true;
  since = Clock::now();
}

void Connections::Client::busy() {
  const std::lock_guard hold(owner->lock_);
  waiting = false;
}

Connections::~Connections() {
  {
    const std::lock_guard hold(lock_);
    for (Client& client : clients_) shutdown(client.socket.get(), SHUT_RDWR);
  }
  for (Client& client : clients_) client.thread.join();
}

void Connections::reap() {
  std::list<Client> ended;
  {
    const std::lock_guard hold(lock_);
    for (auto it = clients_.begin(); it != clients_.end();) {
      const auto next = std::next(it);
      if (it->ended) ended.splice(ended.end(), clients_, it);
      it = next;
    }
  }
  for (Client& client : ended) client.thread.join();
}

bool Connections::make_room() {
  const std::lock_guard hold(lock_);
  if (clients_.size() < most_) return true;
  Client* oldest = nullptr;
  for (Client& client : clients_) {
    if (client.waiting && !client.ended && (oldest == nullptr || client.since < oldest->since)) oldest = &client;
  }
  if (oldest == nullptr) return false;
  shutdown(oldest->socket.get(), SHUT_RDWR);
  oldest->waiting = false;
  return clients_.size() < 2 * most_;  // its thread needs a moment
}

void Connections::start(UniqueFd socket, Serve serve) {
  reap();
  UniqueFd copy{fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)};
  if (!copy.valid() || !make_room()) return;
  const std::lock_guard hold(lock_);
  Client& client = clients_.emplace_back();
  client.owner = this;
  client.socket = std::move(copy);
  client.since = Clock::now();
  try {
    client.thread = std::thread([this, &client, fd = std::make_shared<UniqueFd>(std::move(socket)), serve = std::move(serve)] {
      serve(std::move(*fd), client);
      const std::lock_guard hold_end(lock_);
      client.socket.reset();
      client.ended = true;
    });
  } catch (const std::system_error&) {
    clients_.pop_back();  // no thread is to be had: the client finds its connection closed
  }
}

}  // namespace tlspool::qkd
