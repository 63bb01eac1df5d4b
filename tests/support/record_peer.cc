// SPDX-License-Identifier: Apache-2.0
// A TLS peer whose records are made by hand once the handshake, by OpenSSL, is over: records that no TLS library sends.
//
//   record_peer client|server tls12|tls13 FD [CERTIFICATE KEY]
//
// FD is a connected socket. Says "ready" after the handshake, then does what standard input says, a line each, and answers each line with
// "done", or "broken" where the connection takes nothing any more:
//
//   send TYPE HEX [COUNT]      a protected record of this content type
//   fill TYPE SIZE [COUNT]     likewise, of SIZE bytes 'x'
//   zeros SIZE [COUNT]         TLS 1.3: a record of padding alone, without a content type
//   update REQUEST [COUNT]     TLS 1.3: a KeyUpdate, and the next keys from there on
//   choke                      KeyUpdates that ask for one, until the socket is full; says "choked COUNT"
//   plain TYPE HEX [COUNT]     a record in the clear
//   header TYPE LENGTH SIZE    the header of a record of LENGTH bytes, and SIZE bytes of it
//   listen                     from here on what comes is read and said: "data SIZE", "update REQUEST", "alert DESCRIPTION", "end" (close_notify),
//                              "cut" (an end without), "failed" (OpenSSL refused a record; from there on "bytes SIZE" as they come)
//   fin                        ends the sending direction
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

std::string own_label;  // of our traffic secret in the key log
Bytes secret;           // TLS 1.3
bool server = false;
bool tls13 = false;

void say(const std::string& line) {
  const std::string text = line + "\n";
  (void)!write(1, text.data(), text.size());
}

Bytes unhex(const std::string& text) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) out.push_back(static_cast<unsigned char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return out;
}

void note_secret(const SSL*, const char* line) {
  std::istringstream words(line);
  std::string label;
  std::string random;
  std::string value;
  words >> label >> random >> value;
  if (label == own_label) secret = unhex(value);
}

// RFC 8446, section 7.1; one block of SHA-256 is enough for all that is needed.
Bytes expand_label(const Bytes& key, const std::string& label, std::size_t size) {
  const std::string full = "tls13 " + label;
  Bytes info{0, static_cast<unsigned char>(size), static_cast<unsigned char>(full.size())};
  info.insert(info.end(), full.begin(), full.end());
  info.push_back(0);
  info.push_back(1);
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned n = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), info.data(), info.size(), out.data(), &n);
  out.resize(size);
  return out;
}

struct Keys {
  Bytes key;
  Bytes iv;
  std::uint64_t sequence = 0;
};

Keys keys13() { return {expand_label(secret, "key", 16), expand_label(secret, "iv", 12), 0}; }

// RFC 5246, section 6.3, for AES-128-GCM.
Keys keys12(SSL* ssl) {
  Bytes master(48);
  SSL_SESSION_get_master_key(SSL_get0_session(ssl), master.data(), master.size());
  Bytes seed(64);
  SSL_get_server_random(ssl, seed.data(), 32);
  SSL_get_client_random(ssl, seed.data() + 32, 32);
  const std::string label = "key expansion";
  seed.insert(seed.begin(), label.begin(), label.end());
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(), seed.size()), OSSL_PARAM_construct_end()};
  Bytes block(40);
  if (EVP_KDF_derive(context, block.data(), block.size(), parameters) != 1) std::abort();
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  const auto key = block.begin() + (server ? 16 : 0);
  const auto iv = block.begin() + (server ? 36 : 32);
  return {{key, key + 16}, {iv, iv + 4}, 1};  // Finished was number 0
}

Bytes seal(const Keys& keys, const Bytes& nonce, const Bytes& additional, const Bytes& text) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  Bytes out(text.size() + 16);
  int n = 0;
  EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), nullptr, keys.key.data(), nonce.data());
  EVP_EncryptUpdate(c, nullptr, &n, additional.data(), static_cast<int>(additional.size()));
  EVP_EncryptUpdate(c, out.data(), &n, text.data(), static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(c, out.data() + n, &n);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out.data() + text.size());
  EVP_CIPHER_CTX_free(c);
  return out;
}

Bytes header(int type, std::size_t size) {
  return {static_cast<unsigned char>(type), 3, 3, static_cast<unsigned char>(size >> 8), static_cast<unsigned char>(size)};
}

Bytes numbered(std::uint64_t n) {
  Bytes out(8);
  for (int i = 7; i >= 0; --i, n >>= 8) out[static_cast<std::size_t>(i)] = static_cast<unsigned char>(n);
  return out;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// TLS 1.3: `text` has its content type already.
Bytes record13(Keys& keys, const Bytes& text) {
  Bytes nonce = keys.iv;
  const Bytes number = numbered(keys.sequence++);
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= number[i];
  const Bytes head = header(23, text.size() + 16);
  return joined(head, seal(keys, nonce, head, text));
}

Bytes record12(Keys& keys, int type, const Bytes& text) {
  const Bytes number = numbered(keys.sequence++);
  const Bytes additional = joined(number, header(type, text.size()));
  const Bytes sealed = seal(keys, joined(keys.iv, number), additional, text);
  return joined(joined(header(type, sealed.size() + 8), number), sealed);
}

Bytes record(Keys& keys, int type, Bytes text) {
  if (!tls13) return record12(keys, type, text);
  text.push_back(static_cast<unsigned char>(type));
  return record13(keys, text);
}

Bytes update(Keys& keys, int request) {
  const Bytes out = record(keys, 22, {24, 0, 0, 1, static_cast<unsigned char>(request)});
  secret = expand_label(secret, "traffic upd", 32);
  keys = keys13();
  return out;
}

Bytes unsent;  // the end of a record that the socket did not take

bool put(int fd, Bytes bytes) {
  bytes = joined(std::exchange(unsent, {}), bytes);
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

// How many records went in before nothing more did for a second.
long choke(int fd, Keys& keys) {
  for (long count = 0;; ++count) {
    unsent = update(keys, 1);
    while (!unsent.empty()) {
      const ssize_t n = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        unsent.erase(unsent.begin(), unsent.begin() + n);
        continue;
      }
      pollfd p{fd, POLLOUT, 0};
      if (poll(&p, 1, 1000) <= 0) return count;
      if ((p.revents & (POLLERR | POLLHUP)) != 0) return -1;
    }
  }
}

void note_event(const SSL*, int where, int value) {
  if ((where & SSL_CB_ALERT) != 0 && (where & SSL_CB_READ) != 0 && (value & 0xff) != SSL3_AD_CLOSE_NOTIFY) {
    std::string name = SSL_alert_desc_string_long(value);
    std::replace(name.begin(), name.end(), ' ', '_');
    say("alert " + name);
  }
}

void note_message(int out, int, int type, const void* data, std::size_t size, SSL*, void*) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  if (out == 0 && type == SSL3_RT_HANDSHAKE && size == 5 && bytes[0] == SSL3_MT_KEY_UPDATE) say("update " + std::to_string(bytes[4]));
}

void listen_to(SSL* ssl) {
  Bytes room(65536);
  while (true) {
    const int n = SSL_read(ssl, room.data(), static_cast<int>(room.size()));
    if (n > 0) {
      say("data " + std::to_string(n));
      continue;
    }
    const int error = SSL_get_error(ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) continue;
    const bool eof = error == SSL_ERROR_SYSCALL || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (error == SSL_ERROR_ZERO_RETURN || eof) return say(error == SSL_ERROR_ZERO_RETURN ? "end" : "cut");
    say("failed");
    break;
  }
  for (ssize_t n; (n = recv(SSL_get_rfd(ssl), room.data(), room.size(), 0)) > 0;) say("bytes " + std::to_string(n));
}

bool many(int fd, std::istringstream& words, const auto& make) {
  long count = 1;
  words >> count;
  Bytes batch;
  for (long i = 0; i < count; ++i) {
    batch = joined(std::move(batch), make());
    if (batch.size() < 65536 && i + 1 < count) continue;
    if (!put(fd, std::exchange(batch, {}))) return false;
  }
  return true;
}

bool obey(const std::string& line, int fd, SSL* ssl, Keys& keys, std::thread& listener) {
  std::istringstream words(line);
  std::string verb;
  int type = 0;
  std::size_t size = 0;
  std::string hex;
  words >> verb;
  if (verb == "send" || verb == "plain") {
    words >> type >> hex;
    const Bytes text = unhex(hex == "-" ? "" : hex);
    return many(fd, words, [&] { return verb == "plain" ? joined(header(type, text.size()), text) : record(keys, type, text); });
  }
  if (verb == "fill") {
    words >> type >> size;
    return many(fd, words, [&] { return record(keys, type, Bytes(size, 'x')); });
  }
  if (verb == "zeros") {
    words >> size;
    return many(fd, words, [&] { return record13(keys, Bytes(size)); });
  }
  if (verb == "update") {
    words >> type;
    return many(fd, words, [&] { return update(keys, type); });
  }
  if (verb == "choke") {
    say("choked " + std::to_string(choke(fd, keys)));
    return true;
  }
  if (verb == "header") {
    std::size_t given = 0;
    words >> type >> size >> given;
    return put(fd, joined(header(type, size), Bytes(given, 0x5a)));
  }
  if (verb == "listen") {
    listener = std::thread([ssl] { listen_to(ssl); });
    return true;
  }
  if (verb == "fin") return shutdown(fd, SHUT_WR) == 0;
  std::cerr << "what is " << line << "?\n";
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  server = std::strcmp(argv[1], "server") == 0;
  tls13 = std::strcmp(argv[2], "tls13") == 0;
  const int fd = std::atoi(argv[3]);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  own_label = server ? "SERVER_TRAFFIC_SECRET_0" : "CLIENT_TRAFFIC_SECRET_0";
  SSL_CTX* context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  const int version = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_cipher_list(context, "ECDHE+AES128+AESGCM");
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_keylog_callback(context, note_secret);
  if (argc > 5 && (SSL_CTX_use_certificate_chain_file(context, argv[4]) != 1 || SSL_CTX_use_PrivateKey_file(context, argv[5], SSL_FILETYPE_PEM) != 1)) return 2;
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  SSL_set_tlsext_host_name(ssl, "pool.example");
  if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1) {
    ERR_print_errors_fp(stderr);
    return 1;
  }
  SSL_set_info_callback(ssl, note_event);
  SSL_set_msg_callback(ssl, note_message);
  Keys keys = tls13 ? keys13() : keys12(ssl);
  SSL_set0_wbio(ssl, BIO_new(BIO_s_null()));  // only what is made by hand goes out
  say("ready");
  std::thread listener;
  for (std::string line; std::getline(std::cin, line);) say(obey(line, fd, ssl, keys, listener) ? "done" : "broken");
  std::_Exit(0);
}
