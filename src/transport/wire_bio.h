// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "tls/openssl.h"

namespace tlspool::transport {

/// The records that one step of a session reads and makes. One for all sessions of a worker: empty between two steps.
struct Records {
  Records();
  /// One, too, for all sessions: a BIO of its own would be 200 bytes for each.
  tls::BioPtr bio;
  /// Four whole records of TLS 1.3, with what OpenSSL has of the first one already.
  std::array<std::uint8_t, 4 * (SSL3_RT_MAX_PLAIN_LENGTH + 22)> in;
  std::size_t in_at = 0;
  std::size_t in_end = 0;
  /// What 64 KiB become, and what OpenSSL may want to say besides.
  std::array<std::uint8_t, 72 * 1024> out;
  std::size_t out_end = 0;
};

/// What OpenSSL reads from and writes to once the handshake is over, in place of the socket. Records come and go many at
/// a time, by one system call, and the owner says when. (OpenSSL's own read-ahead moves all that is left in its buffer for each
/// record that it takes out.)
class WireBio {
 public:
  [[nodiscard]] static BIO_METHOD* method();
  /// Takes the place of what `ssl` had. Borrows the non-blocking socket. Must outlive the SSL.
  WireBio(SSL* ssl, int socket, Records& records);
  ~WireBio();
  WireBio(const WireBio&) = delete;
  WireBio& operator=(const WireBio&) = delete;

  /// From here on OpenSSL reads and writes this session. Before each call that may do so.
  void enter() { BIO_set_data(records_.bio.get(), this); }
  /// From here on reading and writing is an error, until somebody enters: it can't reach another session's socket by mistake. What OpenSSL
  /// has not read yet is kept. At the end of each step.
  void leave();
  /// Records that OpenSSL has written before: they go out before anything else that it writes, or when they are released.
  void hold_first(Bytes records) { first_ = std::move(records); }
  [[nodiscard]] bool holds_first() const { return !first_.empty(); }
  void release_first();
  /// Lets the next read ask the socket, once.
  void may_receive() { may_receive_ = true; }
  /// OpenSSL has read a record to its end, or has something of one that it did not read here.
  void record_read() { in_record_ = 0; }
  void record_begun() { in_record_ = 1; }
  /// What the socket gave last filled the buffer: more may be there.
  [[nodiscard]] bool more_may_be_there() const { return filled_; }
  /// What the owner does next: the end of the stream can go in the same segment as what comes before it.
  enum class Follows { nothing, end };
  /// Sends what was written since; at the end of each step, and when the socket is writable again. False: the socket is
  /// broken, `errno` says why.
  [[nodiscard]] bool flush(Follows follows = Follows::nothing);
  /// The socket took only a part. Nothing more is written until flush() has sent the rest.
  [[nodiscard]] bool blocked() const { return !rest_.empty(); }

 private:
  struct Calls;
  [[nodiscard]] int read(char* into, int size);
  [[nodiscard]] int receive();
  [[nodiscard]] int write(const char* from, int size);
  void put_by();

  int socket_;
  Records& records_;
  std::size_t in_record_ = 0;  // bytes of an incomplete record that OpenSSL has, at most
  Bytes unread_;
  std::size_t unread_at_ = 0;
  Bytes first_;
  Bytes rest_;
  std::size_t rest_at_ = 0;
  bool may_receive_ = false;
  bool filled_ = false;
  bool ended_ = false;
};

}  // namespace tlspool::transport
