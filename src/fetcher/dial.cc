// SPDX-License-Identifier: Apache-2.0
#include "fetcher/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "base/handle.h"

namespace tlspool::fetcher {
namespace {

using Addresses = std::unique_ptr<addrinfo, Freed<freeaddrinfo>>;

/// A lookup outlives the caller that gave up on it.
struct Lookup {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  int error = 0;
  Addresses found;
};

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  const std::lock_guard lock(lookup->mutex);
  lookup->error = error;
  lookup->found.reset(error == 0 ? found : nullptr);
  lookup->done = true;
  lookup->ended.notify_all();
}

// getaddrinfo waits as long as the system's resolver likes, so it does so on a thread of its own.
Result<Addresses> resolve(const std::string& host, std::uint16_t port, Deadline deadline) {
  const auto lookup = std::make_shared<Lookup>();
  try {
    std::thread([lookup, host, port] { look_up(lookup, host, std::to_string(port)); }).detach();
  } catch (const std::system_error& e) {
    return fail(system_error("start a thread", host, e.code().value()));
  }
  std::unique_lock lock(lookup->mutex);
  if (!lookup->ended.wait_until(lock, deadline, [&] { return lookup->done; })) {
    return fail({Code::timeout, "resolve", host, "the system's name service did not answer in time",
                 "see /etc/resolv.conf, or put the host into /etc/hosts"});
  }
  if (lookup->error != 0) {
    return fail({Code::not_found, "resolve", host, gai_strerror(lookup->error), "check the host in `url` of the [[kme]]"});
  }
  return std::move(lookup->found);
}

Result<UniqueFd> connect_to(const addrinfo& address, const std::string& subject, Deadline deadline) {
  UniqueFd fd{socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return fail(system_error("socket", subject, errno));
  const int on = 1;
  (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int error = connect_until(fd.get(), *address.ai_addr, address.ai_addrlen, deadline);
  if (error == ETIMEDOUT) {
    return fail({Code::timeout, "connect", subject, "no answer in time", "check that the host is up and that no firewall drops what is sent to it"});
  }
  if (error != 0) {
    Error e = system_error("connect", subject, error);
    e.advice = "check that the entity runs and that `url` of the [[kme]] names its port";
    return fail(std::move(e));
  }
  return fd;
}

}  // namespace

Result<UniqueFd> dial(const std::string& host, std::uint16_t port, Deadline deadline) {
  const std::string subject = host + " port " + std::to_string(port);
  const auto addresses = resolve(host, port, deadline);
  if (!addresses) return fail(addresses.error());
  Error last{Code::not_found, "resolve", host, "it has no address", "check the host in `url` of the [[kme]]"};
  unsigned left = 0;
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next) ++left;
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next, --left) {
    // An address that is silent must leave time for the next.
    const auto now = std::chrono::steady_clock::now();
    auto connected = connect_to(*a, subject, now + std::max(deadline - now, Deadline::duration::zero()) / left);
    if (connected) return connected;
    last = std::move(connected.error());
  }
  return fail(std::move(last));
}

}  // namespace tlspool::fetcher
