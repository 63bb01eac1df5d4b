// SPDX-License-Identifier: Apache-2.0
#include "crowd.h"

#include <openssl/bio.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "client.h"

namespace bench {
namespace {

constexpr int patience_ms = 30'000;
constexpr char pass[] = R"({"method":"io.tlspool.Pool.Pass","oneway":true,"parameters":{"fileDescriptor":0,"plaintextFileDescriptor":1}})";

std::string client_hello() {
  const Context context = client_context(TLS1_3_VERSION);
  const Ssl ssl{SSL_new(context.get())};
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  std::array<char, 4096> text;
  const int size = BIO_read(SSL_get_wbio(ssl.get()), text.data(), static_cast<int>(text.size()));
  return {text.data(), static_cast<std::size_t>(std::max(size, 0))};
}

bool send_with(int socket, const void* text, std::size_t size, int a, int b) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  iovec vec{const_cast<void*>(text), size};
  msghdr message{};
  message.msg_iov = &vec;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int both[] = {a, b};
  std::memcpy(CMSG_DATA(c), both, sizeof both);
  return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

}  // namespace

struct Crowd::Ends {
  int control = -1;
  std::vector<int> others;
  std::vector<int> clients;  // of others
  std::atomic<bool> over{false};
  std::thread slow;

  // Evenly: all of them at once would be a flood once a second.
  void creep() {
    using namespace std::chrono;
    constexpr std::array<char, 5> head{0x17, 0x03, 0x03, 0x40, 0x00};
    auto next = steady_clock::now();
    for (std::size_t round = 0; !over; ++round) {
      const char byte = round < head.size() ? head[round] : 0;
      for (const int client : clients) {
        if (over) return;
        (void)send(client, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        next += nanoseconds(seconds(1)) / static_cast<long>(clients.size());
        std::this_thread::sleep_until(next);
      }
    }
  }

  ~Ends() {
    over = true;
    if (slow.joinable()) slow.join();
    for (const int fd : others) close(fd);
    if (control >= 0) close(control);
  }
};

Crowd::Crowd() : ends_(std::make_unique<Ends>()) {}
Crowd::~Crowd() = default;

bool Crowd::failed(const std::string& what) {
  problem_ = what + ": " + std::strerror(errno);
  return false;
}

bool Crowd::gather(const std::string& identity, int count) {
  const char* pool = std::getenv("TLSPOOL_DIR");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = std::string(pool == nullptr ? "" : pool) + "/run/pool.sock";
  if (path.size() >= sizeof address.sun_path) return failed("the path of the pool is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  ends_->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(ends_->control, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return failed(path);
  const std::string forward = R"({"method":"io.tlspool.Pool.Forward","more":true,"parameters":{"worker":0,"role":"server","deadlineMs":600000,"localIdentity":")" +
                              identity + "\"}}" + '\0';
  if (send(ends_->control, forward.data(), forward.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(forward.size())) return failed("Forward");
  const std::string hello = client_hello();
  std::vector<int>& clients = ends_->clients;
  for (int i = 0; i < count; ++i) {
    int network[2];
    int plain[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, network) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plain) != 0) {
      return failed("socketpair");
    }
    ends_->others.insert(ends_->others.end(), {network[0], plain[0]});
    clients.push_back(network[0]);
    const bool sent = send(network[0], hello.data(), hello.size(), MSG_NOSIGNAL) > 0 && send_with(ends_->control, pass, sizeof pass, network[1], plain[1]);
    close(network[1]);
    close(plain[1]);
    if (!sent) return failed("Pass");
  }
  for (const int client : clients) {
    pollfd answer{client, POLLIN, 0};
    char byte = 0;
    if (poll(&answer, 1, patience_ms) != 1 || recv(client, &byte, 1, MSG_PEEK) != 1) return failed("no answer to a hello");
  }
  ends_->slow = std::thread([ends = ends_.get()] { ends->creep(); });
  return true;
}

bool Crowd::complete() {
  const auto ended = [](int client) {
    pollfd end{client, POLLRDHUP, 0};
    return poll(&end, 1, 0) != 0;
  };
  const auto gone = std::count_if(ends_->clients.begin(), ends_->clients.end(), ended);
  if (gone != 0) problem_ = std::to_string(gone) + " of the slow handshakes were given up";
  return gone == 0;
}

}  // namespace bench
