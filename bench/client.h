// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace bench {

struct FreeSsl {
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
};
using Ssl = std::unique_ptr<SSL, FreeSsl>;
using Context = std::unique_ptr<SSL_CTX, FreeSsl>;
using Session = std::unique_ptr<SSL_SESSION, FreeSsl>;

/// The same suite and key share for every server, so that all do the same work: AES-128-GCM, X25519. (P-256 is
/// there because TLS 1.2 takes the list for the curves of certificates, too.)
Context client_context(int version);

/// Clients of the context show the certificate in a PEM file, where they are asked for one. False: it isn't there, or has no key.
bool show_certificate(SSL_CTX* context, const char* file);

/// A blocking TCP connection to the loopback with 10 s deadlines; -1 on failure.
int connect_to(int port);

/// Keys that the pool has, too, in the file that bench.py wrote: one "NAME KEY" a line, both in hexadecimal. Each is
/// given out once.
class SharedKeys {
 public:
  struct Key {
    std::string name;  ///< identity of a PSK, or session id
    std::string secret;
  };
  [[nodiscard]] bool load(const char* file);
  /// Null when all are used.
  [[nodiscard]] const Key* next();
  /// The one key of a phantom session, again and again.
  [[nodiscard]] const Key* first() const { return keys_.empty() ? nullptr : &keys_.front(); }

 private:
  std::vector<Key> keys_;
  std::atomic<std::size_t> used_{0};
};

/// A session that never was, to be resumed in TLS 1.2 (use = "session").
Session phantom_session(SSL_CTX* context, const SharedKeys::Key& key);

/// One TLS connection from a context of client_context(). Remembers the newest session in `ticket`.
class Connection {
 public:
  Connection() = default;
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Handshake; offers `*ticket` where there is one. False: see problem().
  bool open(SSL_CTX* context, int port, Session* ticket, const SharedKeys::Key* psk = nullptr);
  /// The backend's 'P': one byte there and back, so that the whole path is up and tickets have arrived.
  bool ping();
  bool request(char kind, std::uint64_t count);
  /// Orderly: close_notify, then the socket.
  void close();
  SSL* ssl() { return ssl_.get(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool failed(const char* what);
  Ssl ssl_;
  int fd_ = -1;
  std::string problem_;
};

}  // namespace bench
