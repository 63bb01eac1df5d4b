// SPDX-License-Identifier: Apache-2.0
// Both ends of connections by the pool of $TLSPOOL_DIR: bench-peers plain|peer IDENTITY SECONDS. plain: one end is client and the other
// one server; peer: both are peers, and neither sees the other's hello before it has sent its own. Both ends prove the same identity, and no session is resumed. Prints
// {"handshakes": N}.
#include <poll.h>
#include <sys/socket.h>
#include <tlspool/tlspool.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

enum class Ends { plain, peer };

// One end: its plain side, or -1.
int protect(int fd, tlspool_role role, const char* identity, const std::string& service) {
  tlspool_options options = TLSPOOL_OPTIONS_INIT;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  options.local_identity = identity;
  options.remote_identity = identity;
  options.service = service.c_str();
  int plain = -1;
  switch (role) {
    case TLSPOOL_CLIENT: plain = tlspool_starttls_client(fd, identity, &options, nullptr, &error); break;
    case TLSPOOL_SERVER: plain = tlspool_starttls_server(fd, identity, &options, nullptr, &error); break;
    default: plain = tlspool_starttls_peer(fd, identity, identity, &options, nullptr, &error); break;
  }
  if (plain < 0) {
    std::fprintf(stderr, "bench-peers: %s\n", error.message);
    close(fd);
  }
  return plain;
}

void wait_for(int fd, short events) {
  pollfd one{fd, events, 0};
  poll(&one, 1, 10'000);
}

// What one end sends goes to the other one, until either ends.
void relay(int first, int second) {
  char buffer[16384];
  pollfd both[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  while (poll(both, 2, 10'000) > 0) {
    for (int i = 0; i < 2; ++i) {
      if (both[i].revents == 0) continue;
      const ssize_t n = read(both[i].fd, buffer, sizeof buffer);
      if (n <= 0 || write(both[1 - i].fd, buffer, static_cast<std::size_t>(n)) != n) return;
    }
  }
}

bool handshake(Ends ends, const char* identity, long number) {
  int one[2];
  int two[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, one) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two) != 0) return false;
  // Another service each time: nothing is resumed.
  const std::string service = "bench" + std::to_string(getpid()) + "-" + std::to_string(number);
  int other = -1;
  std::thread between([&] {
    wait_for(one[1], POLLIN);
    if (ends == Ends::peer) wait_for(two[1], POLLIN);
    relay(one[1], two[1]);
    close(one[1]);
    close(two[1]);
  });
  std::thread second([&] { other = protect(two[0], ends == Ends::peer ? TLSPOOL_PEER : TLSPOOL_SERVER, identity, service); });
  const int own = protect(one[0], ends == Ends::peer ? TLSPOOL_PEER : TLSPOOL_CLIENT, identity, service);
  second.join();
  if (own >= 0) close(own);
  if (other >= 0) close(other);
  between.join();
  return own >= 0 && other >= 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || (std::strcmp(argv[1], "plain") != 0 && std::strcmp(argv[1], "peer") != 0)) {
    std::fprintf(stderr, "usage: bench-peers plain|peer IDENTITY SECONDS\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const Ends ends = std::strcmp(argv[1], "peer") == 0 ? Ends::peer : Ends::plain;
  const auto stop = Clock::now() + std::chrono::duration<double>(std::atof(argv[3]));
  long handshakes = 0;
  for (; Clock::now() < stop; ++handshakes) {
    if (!handshake(ends, argv[2], handshakes)) return 1;
  }
  std::printf("{\"handshakes\": %ld}\n", handshakes);
  return 0;
}
