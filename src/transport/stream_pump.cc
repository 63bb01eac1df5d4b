// SPDX-License-Identifier: Apache-2.0
#include "transport/stream_pump.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
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
// A ticket goes with the first data: that is one segment, and the peer is woken once. It does not wait for longer than this.
constexpr std::chrono::milliseconds ticket_waits{10};

bool hung_up(int fd) {
  pollfd p{fd, 0, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

StreamPump::StreamPump(Loop& loop, Network network, UniqueFd plain, Scratch& scratch, OnEnd on_end)
    : loop_(loop),
      network_(std::move(network.socket)),
      wire_(network.ssl.get(), network_.get(), scratch.records),
      ssl_(std::move(network.ssl)),
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
  if (SSL_has_pending(ssl_.get()) == 1) {
    again_ = true;
    wire_.record_begun();
  }
  if (!network.first.empty()) {
    wire_.hold_first(std::move(network.first));
    first_timer_ = std::make_unique<Timer>(loop);
    first_timer_->start(ticket_waits, [this] {
      first_timer_.reset();
      wire_.release_first();
      settle();
    });
  }
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
  if ((events & Poll::readable) != 0) wire_.may_receive();
  if ((events & Poll::writable) != 0 || write_wants_read_) write_network();
  const bool answered = (events & Poll::writable) != 0 && std::exchange(read_wants_write_, false);
  if ((events & Poll::readable) != 0 || answered) read_network();
  settle();
}

void StreamPump::plain_ready(int events) {
  if ((events & Poll::hangup_only) != 0 && hung_up(plain_.get())) plain_hung_up();
  if ((events & Poll::writable) != 0 && !to_plain_.empty()) {
    const Bytes waiting = std::exchange(to_plain_, {});
    if (write_plain(waiting)) {
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
    wire_.may_receive();
    std::size_t filled = 0;
    int error = SSL_ERROR_NONE;
    while (filled < scratch_.plain.size()) {
      std::size_t n = 0;
      ERR_clear_error();
      errno = 0;
      if (SSL_read_ex(io(), scratch_.plain.data() + filled, scratch_.plain.size() - filled, &n) != 1) {
        error = SSL_get_error(ssl_.get(), 0);
        break;
      }
      filled += n;
      if (SSL_pending(ssl_.get()) == 0) wire_.record_read();
    }
    moved += filled;
    received_ += filled;
    counters::add<counters::Family::bytes>(filled, counters::Direction::in);
    const bool taken = filled == 0 || write_plain({scratch_.plain.data(), filled});
    read_wants_write_ = error == SSL_ERROR_WANT_WRITE;
    if ((error == SSL_ERROR_WANT_READ && !wire_.more_may_be_there()) || read_wants_write_) return;
    if (error == SSL_ERROR_ZERO_RETURN) {
      if (!got_close_notify_ && outcome_.end == End::open) outcome_ = {End::truncated, "the connection ended without close_notify"};
      if (got_close_notify_ && outcome_.end == End::open) outcome_.end = End::close_notify;
      inbound_ = Flow::ending;
      if (to_plain_.empty()) end_inbound();
      return;
    }
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) return tls_failed(error);
    if (!taken) return;
  }
  again_ = true;
}

// False when the plain side did not take everything; the rest then waits in to_plain_.
bool StreamPump::write_plain(ByteView bytes) {
  if (plain_gone_) return true;  // drained and dropped: nobody is there to read it
  ssize_t n = 0;
  do {
    n = send(plain_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno != EAGAIN) {
    plain_hung_up();
    return true;
  }
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  if (taken < bytes.size()) to_plain_ = copy_of(bytes.subspan(taken));
  return taken == bytes.size();
}

void StreamPump::read_plain() {
  std::size_t moved = 0;
  while (outbound_ == Flow::open && to_network_.empty() && !wire_.blocked() && moved < fair_share) {
    const ssize_t n = recv(plain_.get(), scratch_.plain.data(), scratch_.plain.size(), MSG_DONTWAIT);
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
    ByteView bytes{scratch_.plain.data(), static_cast<std::size_t>(n)};
    if (!seal(bytes)) return;
    if (!bytes.empty()) {
      to_network_ = copy_of(bytes);
      to_network_at_ = 0;
    }
    if (!send_records()) return;
    // A short read emptied the socket: no need to ask once more.
    if (static_cast<std::size_t>(n) < scratch_.plain.size() && !plain_gone_) return;
  }
}

// Makes records; what OpenSSL does not take now stays in `bytes`. False: TLS has failed.
bool StreamPump::seal(ByteView& bytes) {
  while (!bytes.empty()) {
    std::size_t written = 0;
    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(io(), bytes.data(), bytes.size(), &written) != 1) {
      const int error = SSL_get_error(ssl_.get(), 0);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) {
        tls_failed(error);
        return false;
      }
      write_wants_read_ = error == SSL_ERROR_WANT_READ;
      return true;
    }
    bytes = bytes.subspan(written);
    sealed_ += written;
    if (first_timer_ && !wire_.holds_first()) first_timer_.reset();
  }
  return true;
}

// Gives the socket what there is for it. False: it is broken.
bool StreamPump::send_records(WireBio::Follows follows) {
  if (!wire_.flush(follows)) {
    tls_failed(SSL_ERROR_SYSCALL);
    return false;
  }
  if (!wire_.blocked() && sealed_ > 0) {
    counters::add<counters::Family::bytes>(sealed_, counters::Direction::out);
    sent_ += std::exchange(sealed_, 0);
  }
  return true;
}

void StreamPump::write_network() {
  write_wants_read_ = false;
  if (!send_records() || wire_.blocked()) return;
  if (to_network_at_ < to_network_.size()) {
    ByteView bytes = ByteView{to_network_}.subspan(to_network_at_);
    if (!seal(bytes)) return;
    to_network_at_ = to_network_.size() - bytes.size();
    if (!send_records() || !bytes.empty()) return;
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
  if (outbound_ == Flow::ended || !to_network_.empty() || read_wants_write_ || wire_.blocked()) return;
  if (!said_close_notify_) {
    ERR_clear_error();
    const int rc = SSL_shutdown(io());
    if (rc < 0 && SSL_get_error(ssl_.get(), rc) == SSL_ERROR_WANT_WRITE) return;  // goes on when writable
    said_close_notify_ = true;
  }
  if (!send_records(WireBio::Follows::end) || wire_.blocked()) return;
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
  read_plain();
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
  (void)wire_.flush();  // the alert that OpenSSL has written
  // What was decrypted before the failure still goes to the program, then it sees the end.
  outbound_ = Flow::ended;
  to_network_ = {};
  inbound_ = to_plain_.empty() ? Flow::ended : Flow::ending;
  if (inbound_ == Flow::ended) end_inbound();
}

void StreamPump::flush() {
  if (to_network_.empty() && outbound_ == Flow::open) {
    ERR_clear_error();
    (void)SSL_do_handshake(io());  // what it can't write now goes out ahead of the next data
  }
  settle();
}

void StreamPump::stop() {
  if (finished_) return;
  if (outcome_.end == End::open) outcome_.end = End::local;
  shut_down();
  finish();
}

// Says close_notify where it can be said behind what was written before.
void StreamPump::shut_down() {
  ERR_clear_error();
  if (!to_network_.empty() || wire_.blocked()) return;
  (void)SSL_shutdown(io());
  (void)wire_.flush();
}

void StreamPump::refuse(std::string detail) {
  if (finished_) return;
  outcome_ = {End::error, std::move(detail)};
  shut_down();
  shutdown(network_.get(), SHUT_WR);
  // What lies unread in a socket that is closed turns our last bytes into a reset.
  for (std::size_t read = 0; read < fair_share;) {
    const ssize_t n = recv(network_.get(), scratch_.plain.data(), scratch_.plain.size(), MSG_DONTWAIT);
    if (n <= 0) break;
    read += static_cast<std::size_t>(n);
  }
  finish();
}

void StreamPump::settle() {
  if (finished_) return;
  wire_.leave();
  if (!wire_.blocked()) (void)send_records();  // what OpenSSL had to say by itself
  const bool out_ended = outbound_ == Flow::ended;
  const bool may_read_plain = to_network_.empty() && !wire_.blocked();
  if (out_ended && inbound_ == Flow::ended) return finish();
  // A closed plain side is read without being watched: its hang-up would wake us for ever.
  const bool unread = plain_gone_ && outbound_ == Flow::open && may_read_plain;
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
  const bool must_write = !to_network_.empty() || wire_.blocked() || outbound_ == Flow::ending || read_wants_write_;
  int network = Poll::none;
  if ((inbound_ == Flow::open && to_plain_.empty() && !read_wants_write_) || write_wants_read_) network |= Poll::readable;
  if (must_write && !write_wants_read_) network |= Poll::writable;
  int plain = Poll::none;
  if (!plain_gone_) {
    if (outbound_ == Flow::open && may_read_plain) plain |= Poll::readable;
    if (!to_plain_.empty()) plain |= Poll::writable;
    if (plain == Poll::none) plain = Poll::hangup_only;
  }
  network_poll_->want(network);
  plain_poll_->want(plain);
}

void StreamPump::after(std::chrono::milliseconds delay, Timer::Callback callback) {
  if (!timer_) timer_ = std::make_unique<Timer>(loop_);
  // Most sessions never need one again.
  timer_->start(delay, [this, callback = std::move(callback)] {
    timer_.reset();
    callback();
  });
}

void StreamPump::finish() {
  if (finished_) return;
  finished_ = true;
  wire_.leave();
  // A session that SSL_free finds without a close_notify of ours counts as not resumable, and OpenSSL forgets having
  // sent one when a bare FIN comes (rec_layer_s3.c, SSL_OP_IGNORE_UNEXPECTED_EOF). Only TLS errors shall end resumption.
  if (outcome_.end != End::error) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  network_poll_.reset();
  plain_poll_.reset();
  first_timer_.reset();
  timer_.reset();
  if (outcome_.end == End::open) outcome_.end = End::local;
  network_.reset();
  plain_.reset();
  if (OnEnd callback = std::move(on_end_)) callback();
}

}  // namespace tlspool::transport
