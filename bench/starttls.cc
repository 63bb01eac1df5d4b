// SPDX-License-Identifier: Apache-2.0
// How long a program waits for TLS on an accepted connection: bench-starttls PEM IDENTITY SECONDS CROWD. In turn, once
// by tlspool_starttls_server (the pool of $TLSPOOL_DIR) and once by OpenSSL in this program with the key in PEM.
// The peer, a thread, is the same for both. Then the pool alone, with CROWD handshakes under way whose clients have gone silent. Prints one JSON
// line of microseconds, medians and 99th percentiles.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tlspool/tlspool.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "client.h"
#include "crowd.h"
#include "measure.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Listener {
  int fd = -1;
  int port = 0;
};

Listener listen_anywhere() {
  Listener out;
  sockaddr_in address = bench::loopback(0);
  socklen_t size = sizeof address;
  out.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (out.fd < 0 || bind(out.fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(out.fd, 16) != 0 ||
      getsockname(out.fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("bench-starttls: listen");
    std::exit(1);
  }
  out.port = ntohs(address.sin_port);
  return out;
}

bool by_pool(int fd, const char* identity) {
  tlspool_error error = TLSPOOL_ERROR_INIT;
  const int plain = tlspool_starttls_server(fd, identity, nullptr, nullptr, &error);
  if (plain < 0) {
    std::fprintf(stderr, "bench-starttls: %s\n", error.message);
    close(fd);
    return false;
  }
  close(plain);
  return true;
}

bool by_openssl(int fd, SSL_CTX* context) {
  const bench::Ssl ssl{SSL_new(context)};
  SSL_set_fd(ssl.get(), fd);
  const bool good = SSL_accept(ssl.get()) == 1;
  return good;
}

template <class Call>
bool timed(int listener, std::vector<double>& into, Call call) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return false;
  const auto start = Clock::now();
  if (!call(fd)) return false;
  into.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench-starttls PEM IDENTITY SECONDS CROWD\n");
    return 2;
  }
  bench::more_files();
  std::signal(SIGPIPE, SIG_IGN);
  const bench::Context server{SSL_CTX_new(TLS_server_method())};
  if (SSL_CTX_use_certificate_chain_file(server.get(), argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(server.get(), argv[1], SSL_FILETYPE_PEM) != 1) {
    std::fprintf(stderr, "bench-starttls: %s holds no certificate with its key\n", argv[1]);
    return 1;
  }
  const Listener listener = listen_anywhere();
  std::atomic<bool> over{false};
  std::atomic<long> peer_errors{0};
  std::thread peer([&] {
    const bench::Context context = bench::client_context(TLS1_3_VERSION);
    while (!over) {
      bench::Connection connection;
      char end = 0;
      if (!connection.open(context.get(), listener.port, nullptr) && !over) ++peer_errors;
      // The server closes first, so that its call never waits for ours.
      if (connection.ssl() != nullptr) SSL_read(connection.ssl(), &end, 1);
    }
  });
  std::vector<double> pool;
  std::vector<double> own;
  const auto stop = Clock::now() + std::chrono::duration<double>(std::atof(argv[3]));
  bool good = true;
  while (good && Clock::now() < stop) {
    good = timed(listener.fd, pool, [&](int fd) { return by_pool(fd, argv[2]); }) &&
           timed(listener.fd, own, [&](int fd) {
             const bool done = by_openssl(fd, server.get());
             close(fd);
             return done;
           });
  }
  std::vector<double> crowded;
  bench::Crowd crowd;
  if (good && !crowd.gather(argv[2], std::atoi(argv[4]))) {
    std::fprintf(stderr, "bench-starttls: %s\n", crowd.problem().c_str());
    good = false;
  }
  const auto crowd_stop = Clock::now() + std::chrono::duration<double>(std::atof(argv[3]) / 2);
  while (good && Clock::now() < crowd_stop) good = timed(listener.fd, crowded, [&](int fd) { return by_pool(fd, argv[2]); });
  over = true;
  shutdown(listener.fd, SHUT_RDWR);
  close(listener.fd);
  peer.join();
  if (!good || peer_errors > 0) {
    std::fprintf(stderr, "bench-starttls: a handshake failed (%ld at the peer)\n", peer_errors.load());
    return 1;
  }
  std::printf("{\"tlspool\": %.1f, \"openssl\": %.1f, \"tlspool_p99\": %.1f, \"openssl_p99\": %.1f, \"crowded\": %.1f, \"crowded_p99\": %.1f}\n",
              bench::percentile(pool, 50), bench::percentile(own, 50), bench::percentile(pool, 99), bench::percentile(own, 99), bench::percentile(crowded, 50), bench::percentile(crowded, 99));
  return 0;
}
