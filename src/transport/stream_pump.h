// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "loop/loop.h"
#include "tls/openssl.h"
#include "transport/wire_bio.h"

namespace tlspool::transport {

/// How a session ended, in the words of io.tlspool.Pool.
enum class End { open, close_notify, truncated, reset, local, error };

/// One for all sessions of a worker: nothing stays in it between two events.
struct Scratch {
  /// A little less than 64 KiB: as records, too, it makes one segment of the loopback interface.
  std::array<std::uint8_t, 65'300> plain;
  Records records;
};

/// Moves bytes between an established TLS connection and a plain stream socket until both directions have
/// ended. Each direction ends by itself (half-close), what one side does not take stops the other side from
/// being read, and no byte that arrived before an end is lost: the socket is drained before it is closed.
class StreamPump {
 public:
  struct Outcome {
    End end = End::open;
    std::string detail;  ///< alert or error, for people; may be empty
  };
  /// Called once, when nothing more will flow; may destroy the pump.
  using OnEnd = std::function<void()>;

  /// What a completed handshake leaves: the connection, its non-blocking stream socket, and what watches it.
  struct Network {
    tls::Ssl ssl;
    UniqueFd socket;
    std::unique_ptr<Poll> poll;
    /// Records that are to be sent first, but need not be sent before there is something else: a ticket.
    Bytes first;
  };
  StreamPump(Loop& loop, Network network, UniqueFd plain, Scratch& scratch, OnEnd on_end);
  ~StreamPump();

  [[nodiscard]] SSL* ssl() { return ssl_.get(); }
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }
  /// Plain bytes whose records the socket has taken.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }

  /// The peer's close_notify was seen, or an alert: call from the info callback of the SSL.
  void saw_alert(int description);
  /// Flushes what OpenSSL wants to say by itself (a key update).
  void flush();
  /// Ends the session from our side, now: close_notify, then both sockets are closed.
  void stop();
  /// Likewise, because it may not go on: End::error with this detail. What was still to be moved is lost.
  void refuse(std::string detail);
  /// Borrowed; -1 where the session has ended.
  [[nodiscard]] int network() const { return network_.get(); }

 private:
  enum class Flow { open, ending, ended };

  [[nodiscard]] SSL* io() {
    wire_.enter();
    return ssl_.get();
  }
  void network_ready(int events);
  void plain_ready(int events);
  void read_network();
  bool write_plain(ByteView bytes);
  void read_plain();
  void write_network();
  bool seal(ByteView& bytes);
  bool send_records(WireBio::Follows follows = WireBio::Follows::nothing);
  void shut_down();
  void end_inbound();
  void end_outbound();
  void plain_hung_up();
  void tls_failed(int ssl_error);
  void settle();
  void after(std::chrono::milliseconds delay, Timer::Callback callback);
  void finish();

  Loop& loop_;
  UniqueFd network_;
  WireBio wire_;
  tls::Ssl ssl_;
  UniqueFd plain_;
  Scratch& scratch_;
  OnEnd on_end_;
  std::unique_ptr<Poll> network_poll_;
  std::unique_ptr<Poll> plain_poll_;
  std::unique_ptr<Timer> first_timer_;  // as long as wire_ holds records
  std::unique_ptr<Timer> timer_;  // fairness, and the time that a closed session lingers
  Bytes to_plain_;                // decrypted, but the plain side does not take it
  Bytes to_network_;              // read from the plain side, but not encrypted yet
  std::size_t to_network_at_ = 0;
  Flow inbound_ = Flow::open;   // peer to program
  Flow outbound_ = Flow::open;  // program to peer
  bool plain_gone_ = false;     // the program closed its end for good; what it wrote before may still be there
  bool got_close_notify_ = false;
  bool said_close_notify_ = false;
  bool write_wants_read_ = false;
  bool read_wants_write_ = false;  // an answer to the peer's key update must go out first
  bool again_ = false;  // the fairness cap was hit: more may wait inside OpenSSL
  bool lingering_ = false;
  bool finished_ = false;
  Outcome outcome_;
  std::uint64_t sealed_ = 0;  // plain bytes in records that wait for the socket
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace tlspool::transport
