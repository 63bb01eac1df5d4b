// SPDX-License-Identifier: Apache-2.0
#include "tunnel/connector.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace tlspool::tunnel {

Connector::Connector(Loop& loop, std::vector<cli::SocketAddress> addresses)
    : loop_(loop), addresses_(std::move(addresses)) {}

void Connector::start(Done done) {
  Attempt& attempt = attempts_.emplace_back();
  attempt.self = std::prev(attempts_.end());
  attempt.done = std::move(done);
  go(attempt);
}

Connector::Step Connector::open(Attempt& attempt, int& error) {
  const cli::SocketAddress& address = addresses_[attempt.address];
  attempt.fd.reset(socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!attempt.fd.valid()) {
    error = errno;
    return Step::refused;
  }
  const int on = 1;
  setsockopt(attempt.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // On this machine a connection is made while the first call still holds the socket, so the second call
  // says how it went, and nothing needs to wait.
  for (int i = 0; i < 2; ++i) {
    if (connect(attempt.fd.get(), &address.generic, address.size) == 0 || errno == EISCONN) return Step::connected;
    error = errno;
    if (error != EINPROGRESS && error != EALREADY) return Step::refused;
  }
  return Step::wait;
}

void Connector::go(Attempt& attempt) {
  int error = 0;
  switch (open(attempt, error)) {
    case Step::connected:
      return finish(attempt, std::move(attempt.fd));
    case Step::refused:
      return next(attempt, error);
    case Step::wait:
      break;
  }
  attempt.since = loop_.now();
  attempt.poll = std::make_unique<Poll>(loop_, attempt.fd.get(), [this, &attempt](int) {
    int failed = 0;
    socklen_t size = sizeof failed;
    getsockopt(attempt.fd.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
    attempt.poll.reset();
    if (failed != 0) return next(attempt, failed);
    finish(attempt, std::move(attempt.fd));
  });
  attempt.poll->want(Poll::writable);
}

void Connector::next(Attempt& attempt, int error) {
  attempt.poll.reset();
  const bool last = attempt.address + 1 == addresses_.size();
  if (last || error == EMFILE || error == ENFILE) {
    return finish(attempt, fail(system_error("connect", addresses_[attempt.address].text(), error)));
  }
  ++attempt.address;
  go(attempt);
}

void Connector::finish(Attempt& attempt, Result<UniqueFd> result) {
  const Done done = std::move(attempt.done);
  attempts_.erase(attempt.self);
  done(std::move(result));
}

void Connector::expire(std::uint64_t oldest) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    Attempt& attempt = *it++;
    if (attempt.poll && attempt.since < oldest) next(attempt, ETIMEDOUT);
  }
}

}  // namespace tlspool::tunnel
