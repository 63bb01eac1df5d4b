// SPDX-License-Identifier: Apache-2.0
#include "judge/tls_dial.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace tlspool::judge {
namespace {

constexpr std::size_t most_addresses = 8;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

Address address_of(const std::string& text, std::uint16_t port) {
  Address out;
  if (text.find(':') != std::string::npos) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.bytes);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr);
    out.size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.bytes);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    inet_pton(AF_INET, text.c_str(), &v4->sin_addr);
    out.size = sizeof *v4;
  }
  return out;
}

std::vector<std::string> texts_of(const addrinfo* list) {
  std::vector<std::string> out;
  for (; list != nullptr && out.size() < most_addresses; list = list->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(list->ai_addr, list->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) out.emplace_back(text.data());
  }
  return out;
}

}  // namespace

/// A question to the system's resolver, on a thread of libuv's. It outlives the dial where nobody waits any more.
struct TlsDial::Lookup {
  uv_getaddrinfo_t request{};
  TlsDial* dial = nullptr;
  std::shared_ptr<Lookup> self;
};

TlsDial::TlsDial(Loop& loop, std::shared_ptr<TlsLinks> links, TlsTarget target, std::chrono::steady_clock::time_point deadline)
    : loop_(loop), links_(std::move(links)), target_(std::move(target)), deadline_(deadline) {}

TlsDial::~TlsDial() {
  if (lookup_) lookup_->dial = nullptr;
  if (asked_ != 0) links_->cancel(asked_);
}

void TlsDial::start(OnSocket on_socket) {
  on_socket_ = std::move(on_socket);
  if (is_ip_address(target_.host)) return resolved({target_.host}, {});
  lookup_ = std::make_shared<Lookup>();
  lookup_->dial = this;
  lookup_->self = lookup_;
  lookup_->request.data = lookup_.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const auto found = [](uv_getaddrinfo_t* request, int status, addrinfo* list) {
    const auto lookup = std::move(static_cast<Lookup*>(request->data)->self);
    const auto addresses = texts_of(list);
    uv_freeaddrinfo(list);
    if (lookup->dial != nullptr) lookup->dial->resolved(addresses, status == 0 ? "" : uv_strerror(status));
  };
  if (const int rc = uv_getaddrinfo(loop_.raw(), &lookup_->request, found, target_.host.c_str(), nullptr, &hints); rc != 0) {
    lookup_->self.reset();
    resolved({}, uv_strerror(rc));
  }
}

void TlsDial::resolved(std::vector<std::string> addresses, const std::string& problem) {
  lookup_.reset();
  if (!problem.empty()) problem_ = problem;
  addresses_ = std::move(addresses);
  std::reverse(addresses_.begin(), addresses_.end());
  connect_next();
}

void TlsDial::connect_next() {
  poll_.reset();
  while (!addresses_.empty()) {
    const Address to = address_of(addresses_.back(), target_.port);
    addresses_.pop_back();
    socket_.reset(socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const bool done = socket_.valid() && connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to.bytes), to.size) == 0;
    if (!done && errno != EINPROGRESS) {
      problem_ = std::strerror(errno);
      continue;
    }
    poll_ = std::make_unique<Poll>(loop_, socket_.get(), [this](int) { connected(); });
    return poll_->want(Poll::writable);
  }
  finish(fail({Code::io, "connect", target_.host, "can't connect to " + target_.host + ": " + problem_, {}}));
}

void TlsDial::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    problem_ = std::strerror(error);
    return connect_next();
  }
  poll_.reset();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  asked_ = links_->start({std::move(socket_), target_.identity, target_.host, left}, [this](Result<UniqueFd> made) {
    asked_ = 0;
    finish(std::move(made));
  });
}

void TlsDial::finish(Result<UniqueFd> result) {
  const OnSocket on_socket = std::move(on_socket_);
  on_socket(std::move(result));
}

}  // namespace tlspool::judge
