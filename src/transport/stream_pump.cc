// SPDX-License-Identifier: Apache-2.0
#include "transport/stream_pump.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "counters/page.h"
#include "tls/names.h"

namespace tlspool::transport {
namespace {

// One session may move this much in one round of the loop before the others have their turn.
constexpr std::size_t fair_share = 512 * 1024;
// How long a session whose program is gone waits for the peer to close, so that the kernel does not turn
// our last bytes into a reset (unread input at close() makes one).
constexpr std::chrono::milliseconds linger{5000};

bool hung_up(int fd) {
  pollfd p{fd, 0, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

StreamPump::StreamPump(Loop& loop, Network network, UniqueFd plain, Scratch& scratch, OnEnd on_end)
    : loop_(loop),
      ssl_(std::move(network.ssl)),
      network_(std::move(network.socket)),
      plain_(std::move(plain)),
      scratch_(scratch),
      on_end_(std::move(on_end)),
      network_poll_(std::move(network.poll)) {
  // A bare FIN then reads as an end and leaves the other direction usable; saw_alert() tells the two apart.
  SSL_set_options(ssl_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  network_poll_->call([this](int events) { network_ready(events); });
  plain_poll_ = std::make_unique<Poll>(loop, plain_.get(), [this](int events) { plain_ready(events); });
  // Application data may have come in the same segment as the last handshake message. The owner is still
  // being built, so look on the next round of the loop.
  if (SSL_has_pending(ssl_.get()) == 1) again_ = true;
  settle();
}

StreamPump::~StreamPump() = default;

void StreamPump::saw_alert(int description) {
  if (description == SSL3_AD_CLOSE_NOTIFY) {
    got_close_notify_ = true;
  } else if (outcome_.end == End::open) {
    outcome_ = {End::error, "the peer sent the alert " + tls::alert_name(description)};
  }
}

void StreamPump::network_ready(int events) {
  if ((events & Poll::writable) != 0 || write_wants_read_) write_network();
  const bool answered = (events & Poll::writable) != 0 && std::exchange(read_wants_write_, false);
  if ((events & Poll::readable) != 0 || answered) read_network();
  settle();
}

void StreamPump::plain_ready(int events) {
  if ((events & Poll::hangup_only) != 0 && hung_up(plain_.get())) plain_hung_up();
  if ((events & Poll::writable) != 0 && !to_plain_.empty()) {
    Bytes waiting = std::exchange(to_plain_, {});
    if (write_plain(waiting) && to_plain_.empty()) {
      if (inbound_ == Flow::ending) end_inbound();
      // OpenSSL may hold decrypted bytes while the socket is empty and would never wake us.
      if (inbound_ == Flow::open) read_network();
    }
  }
  if ((events & Poll::readable) != 0) read_plain();
  settle();
}

void StreamPump::read_network() {
  if (inbound_ != Flow::open || !to_plain_.empty() || read_wants_write_) return;
  std::size_t moved = 0;
  while (moved < fair_share) {
    std::size_t filled = 0;
    int error = SSL_ERROR_NONE;
    while (scratch_.size() - filled >= SSL3_RT_MAX_PLAIN_LENGTH) {
      std::size_t n = 0;
      ERR_clear_error();
      errno = 0;
      if (SSL_read_ex(ssl_.get(), scratch_.data() + filled, scratch_.size() - filled, &n) != 1) {
        error = SSL_get_error(ssl_.get(), 0);
        break;
      }
      filled += n;
    }
    moved += filled;
    received_ += filled;
    counters::add<counters::Family::bytes>(filled, counters::Direction::in);
    const bool taken = filled == 0 || write_plain({scratch_.data(), filled});
    read_wants_write_ = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    if (error == SSL_ERROR_ZERO_RETURN) {
      if (!got_close_notify_ && outcome_.end == End::open) outcome_ = {End::truncated, "the connection ended without close_notify"};
      if (got_close_notify_ && outcome_.end == End::open) outcome_.end = End::close_notify;
      inbound_ = Flow::ending;
      if (to_plain_.empty()) end_inbound();
      return;
    }
    if (error != SSL_ERROR_NONE) return tls_failed(error);
    if (!taken) return;
  }
  again_ = true;
}

// False when the plain side did not take everything; the rest then waits in to_plain_.
bool StreamPump::write_plain(ByteView bytes) {
  if (plain_gone_) return true;  // drained and dropped: nobody is there to read it
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = send(plain_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      to_plain_ = copy_of(bytes.subspan(at));
      return false;
    } else if (errno != EINTR) {
      plain_hung_up();
      return true;
    }
  }
  return true;
}

void StreamPump::read_plain() {
  std::size_t moved = 0;
  while (outbound_ == Flow::open && to_network_.empty() && moved < fair_share) {
    const ssize_t n = recv(plain_.get(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    }
    if (n <= 0) {
      outbound_ = Flow::ending;
      end_outbound();
      if (hung_up(plain_.get())) plain_hung_up();
      return;
    }
    moved += static_cast<std::size_t>(n);
    const ByteView bytes{scratch_.data(), static_cast<std::size_t>(n)};
    std::size_t at = 0;
    while (at < bytes.size()) {
      std::size_t written = 0;
      ERR_clear_error();
      errno = 0;
      if (SSL_write_ex(ssl_.get(), bytes.data() + at, bytes.size() - at, &written) == 1) {
        at += written;
        sent_ += written;
        counters::add<counters::Family::bytes>(written, counters::Direction::out);
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), 0);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return tls_failed(error);
      write_wants_read_ = error == SSL_ERROR_WANT_READ;
      to_network_ = copy_of(bytes.subspan(at));
      to_network_at_ = 0;
      return;
    }
    // A short read emptied the socket: no need to ask once more.
    if (bytes.size() < scratch_.size() && !plain_gone_) return;
  }
}

void StreamPump::write_network() {
  write_wants_read_ = false;
  while (to_network_at_ < to_network_.size()) {
    std::size_t written = 0;
    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(ssl_.get(), to_network_.data() + to_network_at_, to_network_.size() - to_network_at_, &written) != 1) {
      const int error = SSL_get_error(ssl_.get(), 0);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) return tls_failed(error);
      write_wants_read_ = error == SSL_ERROR_WANT_READ;
      return;
    }
    to_network_at_ += written;
    sent_ += written;
    counters::add<counters::Family::bytes>(written, counters::Direction::out);
  }
  to_network_ = {};
  to_network_at_ = 0;
  if (outbound_ == Flow::ending) end_outbound();
  if (plain_gone_) read_plain();
}

void StreamPump::end_inbound() {
  inbound_ = Flow::ended;
  if (!plain_gone_) shutdown(plain_.get(), SHUT_WR);
}

void StreamPump::end_outbound() {
  if (outbound_ == Flow::ended || !to_network_.empty() || read_wants_write_) return;
  ERR_clear_error();
  const int rc = SSL_shutdown(ssl_.get());
  if (rc < 0 && SSL_get_error(ssl_.get(), rc) == SSL_ERROR_WANT_WRITE) return;  // goes on when writable
  outbound_ = Flow::ended;
  shutdown(network_.get(), SHUT_WR);
}

// The program closed its end. What it wrote before is still read and sent; what comes in has no reader.
void StreamPump::plain_hung_up() {
  if (plain_gone_) return;
  plain_gone_ = true;
  to_plain_ = {};
  if (inbound_ == Flow::ending) inbound_ = Flow::ended;
  if (outcome_.end == End::open) outcome_.end = End::local;
  if (to_network_.empty()) read_plain();
}

void StreamPump::tls_failed(int ssl_error) {
  const int number = errno;
  if (ssl_error == SSL_ERROR_SYSCALL) {
    const bool reset = number == ECONNRESET || number == EPIPE;
    if (outcome_.end == End::open || outcome_.end == End::local) {
      outcome_ = {reset ? End::reset : End::error, number != 0 ? std::strerror(number) : "the connection broke"};
    }
  } else if (outcome_.end != End::error) {
    outcome_ = {End::error, tls::openssl_error(Code::tls, "", "").reason};
  }
  // What was decrypted before the failure still goes to the program, then it sees the end.
  outbound_ = Flow::ended;
  to_network_ = {};
  inbound_ = to_plain_.empty() ? Flow::ended : Flow::ending;
  if (inbound_ == Flow::ended) end_inbound();
}

void StreamPump::flush() {
  if (to_network_.empty() && outbound_ == Flow::open) {
    ERR_clear_error();
    (void)SSL_do_handshake(ssl_.get());  // what it can't write now goes out ahead of the next data
  }
  settle();
}

void StreamPump::stop() {
  if (finished_) return;
  if (outcome_.end == End::open) outcome_.end = End::local;
  if (to_network_.empty()) (void)SSL_shutdown(ssl_.get());
  finish();
}

void StreamPump::refuse(std::string detail) {
  if (finished_) return;
  outcome_ = {End::error, std::move(detail)};
  ERR_clear_error();
  if (to_network_.empty()) (void)SSL_shutdown(ssl_.get());
  shutdown(network_.get(), SHUT_WR);
  // What lies unread in a socket that is closed turns our last bytes into a reset.
  for (std::size_t read = 0; read < fair_share;) {
    const ssize_t n = recv(network_.get(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (n <= 0) break;
    read += static_cast<std::size_t>(n);
  }
  finish();
}

void StreamPump::settle() {
  if (finished_) return;
  const bool out_ended = outbound_ == Flow::ended;
  if (out_ended && inbound_ == Flow::ended) return finish();
  // A closed plain side is read without being watched: its hang-up would wake us for ever.
  const bool unread = plain_gone_ && outbound_ == Flow::open && to_network_.empty();
  if (plain_gone_ && out_ended) {
    if (!lingering_) after(linger, [this] { finish(); });
    lingering_ = true;
  } else if (again_ || unread) {
    after(std::chrono::milliseconds{0}, [this] {
      read_network();
      if (plain_gone_) read_plain();
      settle();
    });
  }
  again_ = false;
  const bool must_write = !to_network_.empty() || outbound_ == Flow::ending || read_wants_write_;
  int network = Poll::none;
  if ((inbound_ == Flow::open && to_plain_.empty() && !read_wants_write_) || write_wants_read_) network |= Poll::readable;
  if (must_write && !write_wants_read_) network |= Poll::writable;
  int plain = Poll::none;
  if (!plain_gone_) {
    if (outbound_ == Flow::open && to_network_.empty()) plain |= Poll::readable;
    if (!to_plain_.empty()) plain |= Poll::writable;
    if (plain == Poll::none) plain = Poll::hangup_only;
  }
  network_poll_->want(network);
  plain_poll_->want(plain);
}

void StreamPump::after(std::chrono::milliseconds delay, Timer::Callback callback) {
  if (!timer_) timer_ = std::make_unique<Timer>(loop_);
  timer_->start(delay, std::move(callback));
}

void StreamPump::finish() {
  if (finished_) return;
  finished_ = true;
  // A session that SSL_free finds without a close_notify of ours counts as not resumable, and OpenSSL forgets having
  // sent one when a bare FIN comes (rec_layer_s3.c, SSL_OP_IGNORE_UNEXPECTED_EOF). Only TLS errors shall end resumption.
  if (outcome_.end != End::error) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  network_poll_.reset();
  plain_poll_.reset();
  timer_.reset();
  if (outcome_.end == End::open) outcome_.end = End::local;
  network_.reset();
  plain_.reset();
  if (OnEnd callback = std::move(on_end_)) callback();
}

}  // namespace tlspool::transport
