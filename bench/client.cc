// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "measure.h"

namespace bench {
namespace {

int psk_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Sessions come by callback, in 1.3 whenever the client reads: the newest is the one to offer next.
int remember(SSL* ssl, SSL_SESSION* session) {
  auto* ticket = static_cast<Session*>(SSL_get_app_data(ssl));
  if (ticket == nullptr) return 0;
  ticket->reset(session);
  return 1;
}

// An external PSK of TLS 1.3 in OpenSSL's form: a session with the key as its master key.
int use_psk(SSL* ssl, const EVP_MD*, const unsigned char** identity, std::size_t* size, SSL_SESSION** session) {
  const auto* key = static_cast<const SharedKeys::Key*>(SSL_get_ex_data(ssl, psk_index()));
  constexpr unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
  Session made{SSL_SESSION_new()};
  SSL_SESSION_set_cipher(made.get(), SSL_CIPHER_find(ssl, aes_128_gcm_sha256));
  SSL_SESSION_set_protocol_version(made.get(), TLS1_3_VERSION);
  SSL_SESSION_set1_master_key(made.get(), reinterpret_cast<const unsigned char*>(key->secret.data()), key->secret.size());
  *identity = reinterpret_cast<const unsigned char*>(key->name.data());
  *size = key->name.size();
  *session = made.release();
  return 1;
}

std::string unhex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

}  // namespace

bool SharedKeys::load(const char* file) {
  std::ifstream in(file);
  for (std::string name, secret; in >> name >> secret;) keys_.push_back({unhex(name), unhex(secret)});
  return !keys_.empty();
}

const SharedKeys::Key* SharedKeys::next() {
  const std::size_t index = used_++;
  return index < keys_.size() ? &keys_[index] : nullptr;
}

Session phantom_session(SSL_CTX* context, const SharedKeys::Key& key) {
  constexpr unsigned char ecdhe_ecdsa_aes128_gcm_sha256[] = {0xc0, 0x2b};
  const Ssl any{SSL_new(context)};
  Session made{SSL_SESSION_new()};
  SSL_SESSION_set_protocol_version(made.get(), TLS1_2_VERSION);
  SSL_SESSION_set_cipher(made.get(), SSL_CIPHER_find(any.get(), ecdhe_ecdsa_aes128_gcm_sha256));
  SSL_SESSION_set1_id(made.get(), reinterpret_cast<const unsigned char*>(key.name.data()), static_cast<unsigned>(key.name.size()));
  SSL_SESSION_set1_master_key(made.get(), reinterpret_cast<const unsigned char*>(key.secret.data()), key.secret.size());
  return made;
}

Context client_context(int version) {
  Context context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM+AES128");
  SSL_CTX_set1_groups_list(context.get(), "X25519:P-256");
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), remember);
  return context;
}

bool show_certificate(SSL_CTX* context, const char* file) {
  return SSL_CTX_use_certificate_chain_file(context, file) == 1 && SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1;
}

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const timeval wait{10, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

bool Connection::failed(const char* what) {
  const unsigned long error = ERR_get_error();
  const char* reason = error != 0 ? ERR_reason_error_string(error) : std::strerror(errno);
  problem_ = std::string(what) + ": " + (reason != nullptr ? reason : "failed");
  ERR_clear_error();
  return false;
}

bool Connection::open(SSL_CTX* context, int port, Session* ticket, const SharedKeys::Key* psk) {
  close();
  fd_ = connect_to(port);
  if (fd_ < 0) return failed("connect");
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_app_data(ssl_.get(), ticket);
  SSL_set_tlsext_host_name(ssl_.get(), "bench.example");
  if (ticket != nullptr && *ticket) SSL_set_session(ssl_.get(), ticket->get());
  if (psk != nullptr) {
    SSL_set_ex_data(ssl_.get(), psk_index(), const_cast<SharedKeys::Key*>(psk));
    SSL_set_psk_use_session_callback(ssl_.get(), use_psk);
  }
  return SSL_connect(ssl_.get()) == 1 || failed("handshake");
}

bool Connection::request(char kind, std::uint64_t count) {
  std::array<char, 9> text{kind};
  std::memcpy(&text[1], &count, sizeof count);
  return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0 || failed("write");
}

bool Connection::ping() {
  char answer = 0;
  return request('P', 0) && (SSL_read(ssl_.get(), &answer, 1) == 1 || failed("read"));
}

void Connection::close() {
  if (ssl_) SSL_shutdown(ssl_.get());
  ssl_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  ERR_clear_error();
}

}  // namespace bench
