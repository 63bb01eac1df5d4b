// SPDX-License-Identifier: Apache-2.0
// Peer-to-peer TLS (docs/p2p-tls.md): who is client and who is server, before TLS itself begins.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "worker/handshake.h"

namespace tlspool::worker {
namespace {

using std::chrono::milliseconds;

// A side that can be a server only is in no hurry: whoever may be a client will speak. If nobody does, both hear why.
constexpr milliseconds server_waits{1000};

constexpr const char* own_hello = "our own ClientHello came back: the connection leads to ourselves";
constexpr const char* plain_client =
    "the peer is a TLS client that knows nothing of peers, and it was sent a ClientHello; ask with remoteRole client, or with a helloDelayMs "
    "that lets it speak first";
// OpenSSL's server would also take a ClientHello of SSL 2 for one.
constexpr const char* no_tls = "handshake: the peer does not speak TLS: it began, and not with a ClientHello; is it the right port?";
constexpr const char* stripped =
    "the peer became server without saying which ClientHello it had sent: it knows nothing of peers, or somebody changes what the two sides send";

}  // namespace

void Handshake::start_peer() {
  Connection& c = *connection_;
  const StartRequest& r = c.request;
  c.tie = std::make_unique<Tie>();
  switch (r.roles) {
    case wire::role_client: c.tie->own = tls::client_only; break;
    case wire::role_server: c.tie->own = tls::server_only; break;
    default: {
      auto random = tls::random_tie_breaker();
      if (!random) return give_up({"transport", random.error().text(), {}, {}, {}, {}, true});
      c.tie->own = *random;
    }
  }
  hello_ = std::make_unique<tls::HelloReader>();
  milliseconds delay = r.hello_delay.value_or(milliseconds{c.policy->setup().peer_to_peer.hello_delay_ms});
  if (r.roles == wire::role_server) delay = std::max(delay, server_waits);
  if (r.speaks_first && delay.count() > 0) {
    hello_timer_ = std::make_unique<Timer>(services_.loop);
    hello_timer_->start(delay, [this] {
      hello_timer_.reset();
      read_hello();
    });
  }
  read_hello();
}

// Nothing came so far.
void Handshake::say_hello() {
  if ((connection_->request.roles & wire::role_client) != 0) return start_client();
  connection_->role = wire::role_client;  // for this hello, which says that it will be dropped
  begin();
}

void Handshake::our_hello_is_sent() {
  connection_->tie->hello_sent = true;
  read_hello();
}

// What has come of the peer's first flight. False: it ends too early, and so does this handshake.
bool Handshake::take_hello() {
  std::array<std::uint8_t, 4096> buffer;
  while (hello_->state() == tls::HelloReader::State::reading) {
    const ssize_t n = recv(network_.get(), buffer.data(), std::min(buffer.size(), hello_->wants()), 0);
    if (n > 0) {
      read_before_ = true;
      hello_->feed({buffer.data(), static_cast<std::size_t>(n)});
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return true;
    } else if (n == 0 || errno != EINTR) {
      const std::string why = n == 0 ? "the peer closed it before its ClientHello had come" : std::strerror(errno);
      give_up({"transport", "handshake: the connection broke: " + why, {}, {}, {}, {}, false});
      return false;
    }
  }
  return true;
}

// Two large hellos would wait for each other if neither side read while it writes.
void Handshake::write_hello() {
  if (take_hello()) step();
}

void Handshake::read_hello() {
  if (!take_hello()) return;
  if (hello_->state() == tls::HelloReader::State::reading) {
    const bool speak = !ssl_ && !hello_timer_ && hello_->bytes().empty() && connection_->request.speaks_first;
    return speak ? say_hello() : wait_for_peer();
  }
  hello_timer_.reset();
  poll_->want(Poll::none);
  const std::unique_ptr<tls::HelloReader> hello = std::move(hello_);
  hello_came(*hello);
}

void Handshake::hello_came(const tls::HelloReader& hello) {
  Connection& c = *connection_;
  const tls::TieBreaker& own = c.tie->own;
  switch (hello.state()) {
    case tls::HelloReader::State::reading:
    case tls::HelloReader::State::refused: return refuse_hello(hello.alert(), hello.problem());
    case tls::HelloReader::State::other:
      // A plain server's answer; or what is no TLS at all, which OpenSSL names best.
      if (!c.tie->hello_sent && (c.request.roles & wire::role_server) != 0) return become_server(hello.bytes());
      if (!c.tie->hello_sent) return give_up({"transport", no_tls, {}, {}, {}, {}, false});
      if (own == tls::server_only) return refuse_hello(SSL_AD_UNEXPECTED_MESSAGE, two_servers);
      return go_on_as_client(hello.bytes());
    case tls::HelloReader::State::hello: break;
  }
  auto value = hello.tie_breaker(c.policy->setup().peer_to_peer.extension);
  if (!value) return refuse_hello(SSL_AD_DECODE_ERROR, "the peer's ClientHello can't be read: " + value.error().reason);
  c.tie->hello_seen = true;
  c.tie->seen = *value;
  tie_break(hello);
}

void Handshake::tie_break(const tls::HelloReader& hello) {
  const Connection& c = *connection_;
  const Tie& tie = *c.tie;
  if (!tie.hello_sent) {
    // Nobody has seen our value: the peer's hello is answered where we may be a server and it wants a client.
    const bool peer_must_serve = tie.seen == tls::server_only;
    if ((c.request.roles & wire::role_server) != 0 && !peer_must_serve) return become_server(hello.bytes());
    if ((c.request.roles & wire::role_client) == 0) return refuse_hello(SSL_AD_ILLEGAL_PARAMETER, two_servers);
    if (!tie.seen || tie.seen == tls::client_only) return refuse_hello(SSL_AD_ILLEGAL_PARAMETER, two_clients);
    return start_client();
  }
  if (!tie.seen) return refuse_hello(SSL_AD_UNEXPECTED_MESSAGE, plain_client);
  switch (tls::break_tie(tie.own, *tie.seen)) {
    case tls::Tie::client: return go_on_as_client({});
    case tls::Tie::server: return become_server(hello.bytes());
    case tls::Tie::two_clients: return refuse_hello(SSL_AD_ILLEGAL_PARAMETER, two_clients);
    case tls::Tie::two_servers: return refuse_hello(SSL_AD_ILLEGAL_PARAMETER, two_servers);
    case tls::Tie::same: return refuse_hello(SSL_AD_ILLEGAL_PARAMETER, own_hello);
  }
}

// The peer's hello was never sent, as it were; what comes now is for the SSL that has said hello.
void Handshake::go_on_as_client(const Bytes& read_already) {
  const int size = static_cast<int>(read_already.size());
  if (size > 0) {
    BIO_write(SSL_get_rbio(ssl_.get()), read_already.data(), size);
  } else {
    read_from_network();
  }
  step();
}

// Our own hello was never sent, as it were: nothing of what it offered may show from here on.
void Handshake::become_server(const Bytes& read_already) {
  Connection& c = *connection_;
  c.role = wire::role_server;
  c.shared_key.reset();
  c.local_shown = false;
  from_ticket_.reset();
  ssl_.reset();
  c.attempt->peers = peers_of_server(*c.policy, c.request, c.caller);
  begin(read_already);
}

void Handshake::read_from_network() {
  BIO* socket = SSL_get_wbio(ssl_.get());
  BIO_up_ref(socket);
  SSL_set0_rbio(ssl_.get(), socket);
  from_memory_ = false;
}

bool Handshake::tie_stands() {
  const Connection& c = *connection_;
  if (!c.tie || c.role == wire::role_server || !c.tie->seen || c.tie->proved) return true;
  c.tie->problem = stripped;
  return false;
}

void Handshake::refuse_hello(int alert, std::string problem) {
  // RFC 8446 section 6: a fatal alert in a record of its own, in the clear as everything so far.
  const std::array<std::uint8_t, 7> record{21, 3, 3, 0, 2, 2, static_cast<std::uint8_t>(alert)};
  if (send(network_.get(), record.data(), record.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(record.size())) connection_->alert_sent = alert;
  give_up({"policy", "handshake: " + std::move(problem), {}, {}, {}, {}, false});
}

}  // namespace tlspool::worker
