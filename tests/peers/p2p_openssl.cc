// SPDX-License-Identifier: Apache-2.0
// A peer written from docs/p2p-tls.md and OpenSSL, without a line of the pool's: what two implementations agree on is the
// specification. It can also break the rules.
//
//   p2p-openssl KEY=VALUE...
//     fd       a connected socket                      cert, key, ca   PEM files; name: who the other side must be
//     value    of its hello, hexadecimal; none: it sends no hello unless it must, and listens
//     version  tls12 or tls13 alone                    groups          in the order of OpenSSL's -groups
//     proof    what it says as server in place of the right one, hexadecimal; none: it says nothing
//     again    1: it sends its hello twice
//
// Writes `role=... version=... hellos=... seen=...` and ends with 0 once a line came from the other side, and was sent back; or
// writes why not, and ends with 1.
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;
constexpr unsigned tie_breaker = 65392;

std::map<std::string, std::string> options;

struct Peer {
  Bytes own;                  // value of the hello
  bool sent = false;
  bool came = false;          // a hello of the other side
  std::optional<Bytes> seen;  // its value
  bool proved = false;
  int hellos = 0;             // that TLS has seen
} peer;

[[noreturn]] void fail(const std::string& why) {
  const unsigned long error = ERR_peek_last_error();
  std::printf("failed: %s%s%s\n", why.c_str(), error != 0 ? ": " : "", error != 0 ? ERR_reason_error_string(error) : "");
  std::exit(1);
}

Bytes unhex(const std::string& text) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) out.push_back(static_cast<unsigned char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return out;
}

[[noreturn]] void refuse(int fd, unsigned char alert, const std::string& why) {
  const std::array<unsigned char, 7> record{21, 3, 3, 0, 2, 2, alert};
  if (write(fd, record.data(), record.size()) < 0) fail("write");
  shutdown(fd, SHUT_WR);
  fail(why);
}

// --- the extension ---

int add(SSL* ssl, unsigned, unsigned context, const unsigned char** out, std::size_t* size, X509*, std::size_t, int*, void*) {
  static Bytes value;
  if (SSL_is_server(ssl) == 1) {
    if (options["proof"] == "none") return 0;
    value = !options["proof"].empty() ? unhex(options["proof"]) : peer.sent ? peer.own : Bytes(32, 0xff);
  } else {
    if (context != SSL_EXT_CLIENT_HELLO) return 0;
    value = peer.own;
  }
  *out = value.data();
  *size = value.size();
  return 1;
}

int parse(SSL*, unsigned, unsigned context, const unsigned char* data, std::size_t size, X509*, std::size_t, int* alert, void*) {
  if (context == SSL_EXT_CLIENT_HELLO) return 1;
  const Bytes proof(data, data + size);
  const bool good = peer.seen ? proof == *peer.seen : proof == Bytes(32, 0xff);
  peer.proved = good;
  *alert = SSL_AD_ILLEGAL_PARAMETER;
  return good ? 1 : 0;
}

void count(int, int, int type, const void* data, std::size_t size, SSL*, void*) {
  if (type == SSL3_RT_HANDSHAKE && size > 0 && *static_cast<const unsigned char*>(data) == SSL3_MT_CLIENT_HELLO) ++peer.hellos;
}

SSL* make(SSL_CTX* context, bool server) {
  SSL* ssl = SSL_new(context);
  server ? SSL_set_accept_state(ssl) : SSL_set_connect_state(ssl);
  SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_set1_host(ssl, options["name"].c_str());
  SSL_set_purpose(ssl, X509_PURPOSE_ANY);
  if (!server) SSL_set_tlsext_host_name(ssl, options["name"].c_str());
  return ssl;
}

// --- the first flight of the other side ---

void take(int fd, Bytes& out, std::size_t n) {
  while (n > 0) {
    unsigned char buffer[4096];
    const ssize_t got = read(fd, buffer, std::min(n, sizeof buffer));
    if (got <= 0) fail("the connection ended before a hello came");
    out.insert(out.end(), buffer, buffer + got);
    n -= static_cast<std::size_t>(got);
  }
}

// The records of a hello; those of something else, as far as they were read, and `hello` is empty.
Bytes first_flight(int fd, Bytes& hello) {
  Bytes records;
  while (hello.size() < 4 || hello.size() < 4U + (hello[1] << 16 | hello[2] << 8 | hello[3])) {
    const std::size_t at = records.size();
    take(fd, records, 5);
    if (records[at] != 22) return hello.clear(), records;
    const std::size_t size = static_cast<std::size_t>(records[at + 3] << 8 | records[at + 4]);
    take(fd, records, size);
    hello.insert(hello.end(), records.end() - static_cast<std::ptrdiff_t>(size), records.end());
    if (hello[0] != 1) return hello.clear(), records;
  }
  return records;
}

std::optional<Bytes> value_in(const Bytes& hello) {
  std::size_t at = 4 + 2 + 32;
  at += 1U + hello.at(at);
  at += 2U + (hello.at(at) << 8 | hello.at(at + 1));
  at += 1U + hello.at(at) + 2;
  while (at + 4 <= hello.size()) {
    const unsigned kind = hello[at] << 8 | hello[at + 1];
    const std::size_t size = static_cast<std::size_t>(hello[at + 2] << 8 | hello[at + 3]);
    at += 4 + size;
    if (kind == tie_breaker) return Bytes(hello.begin() + static_cast<std::ptrdiff_t>(at - size), hello.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return std::nullopt;
}

// --- the roles ---

void say_hello(SSL* client, int fd) {
  BIO* out = BIO_new(BIO_s_mem());
  BIO* in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(client, in, out);
  SSL_do_handshake(client);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  for (int i = 0; i < (options["again"].empty() ? 1 : 2); ++i) {
    if (write(fd, data, static_cast<std::size_t>(size)) != size) fail("write the hello");
  }
  peer.sent = true;
  SSL_set0_wbio(client, BIO_new_socket(fd, BIO_NOCLOSE));
}

// Reads `already` before what comes.
void go_on(SSL* ssl, int fd, const Bytes& already) {
  BIO* in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  if (!already.empty()) BIO_write(in, already.data(), static_cast<int>(already.size()));
  SSL_set0_rbio(ssl, in);
  int rc = SSL_do_handshake(ssl);
  if (rc != 1 && SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ) {
    SSL_set0_rbio(ssl, BIO_new_socket(fd, BIO_NOCLOSE));
    rc = SSL_do_handshake(ssl);
  }
  if (rc != 1) fail("handshake");
}

SSL* agree(SSL_CTX* context, int fd) {
  SSL* client = make(context, false);
  const bool listens = options["value"] == "none";
  peer.own = listens ? Bytes(32, 0x80) : unhex(options["value"]);
  if (!listens) say_hello(client, fd);
  Bytes hello;
  const Bytes records = first_flight(fd, hello);
  peer.came = !hello.empty();
  if (!peer.came) return go_on(client, fd, records), client;  // the answer of a server
  peer.seen = value_in(hello);
  if (peer.sent && !peer.seen) refuse(fd, SSL_AD_UNEXPECTED_MESSAGE, "a plain client");
  if (peer.sent && peer.own == *peer.seen) refuse(fd, SSL_AD_ILLEGAL_PARAMETER, "equal values");
  const bool answers = peer.sent ? peer.own > *peer.seen : !peer.seen || *peer.seen != Bytes(32, 0xff);
  if (!answers) {
    if (!peer.sent) say_hello(client, fd);
    return go_on(client, fd, {}), client;
  }
  SSL_free(client);
  peer.hellos = 0;
  SSL* server = make(context, true);
  SSL_set0_wbio(server, BIO_new_socket(fd, BIO_NOCLOSE));
  return go_on(server, fd, records), server;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  const int fd = std::atoi(options["fd"].c_str());
  fcntl(fd, F_SETFL, 0);  // it waits
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  const int version = options["version"] == "tls12" ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  const unsigned where = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
  const bool good = SSL_CTX_use_certificate_chain_file(context, options["cert"].c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(context, options["key"].c_str(), SSL_FILETYPE_PEM) == 1 &&
                    SSL_CTX_load_verify_file(context, options["ca"].c_str()) == 1 &&
                    (options["groups"].empty() || SSL_CTX_set1_groups_list(context, options["groups"].c_str()) == 1) &&
                    SSL_CTX_add_custom_ext(context, tie_breaker, where, add, nullptr, nullptr, parse, nullptr) == 1;
  if (!good) fail("set up");
  SSL_CTX_set_msg_callback(context, count);
  SSL* ssl = agree(context, fd);
  if (SSL_is_server(ssl) == 0 && peer.seen && !peer.proved) fail("no proof");
  std::printf("role=%s version=%s hellos=%d seen=%s\n", SSL_is_server(ssl) == 1 ? "server" : "client", SSL_get_version(ssl), peer.hellos,
              !peer.came ? "nothing" : !peer.seen ? "hello" : "value");
  std::fflush(stdout);
  char line[256];
  const int n = SSL_read(ssl, line, sizeof line);
  if (n <= 0 || SSL_write(ssl, line, n) != n) fail("read and write");
  SSL_shutdown(ssl);
  return 0;
}
