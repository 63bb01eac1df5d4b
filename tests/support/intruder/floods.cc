// SPDX-License-Identifier: Apache-2.0
// More than any channel is made for: requests without end whose answers nobody reads, frames that are too long or never
// end, descriptors that nobody wants.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "intruder/intruder.h"
#include "loop/channel.h"
#include "wire/ipc.h"

namespace intruder {
namespace {

using tlspool::Bytes;
namespace wire = tlspool::wire;

constexpr int most_descriptors = 1024;

Bytes frame(wire::Kind kind, std::uint64_t number, const Bytes& body, std::uint32_t length, std::uint16_t descriptors = 0) {
  Bytes out(16 + body.size());
  std::memcpy(out.data(), &length, 4);
  std::memcpy(out.data() + 4, &kind, 2);
  std::memcpy(out.data() + 6, &descriptors, 2);
  std::memcpy(out.data() + 8, &number, 8);
  if (!body.empty()) std::memcpy(out.data() + 16, body.data(), body.size());
  return out;
}

Bytes frame(wire::Kind kind, std::uint64_t number, const Bytes& body) { return frame(kind, number, body, static_cast<std::uint32_t>(body.size())); }

// As much as the sockets take, for ever. What did not go is left out: frames are cut anywhere.
[[noreturn]] void pour(const std::vector<int>& into, const Bytes& bytes) {
  constexpr int patience = 10'000;
  std::size_t poured = 0;
  bool told = false;
  std::vector<std::size_t> at(into.size());
  for (int idle = 0;; ++idle) {
    for (std::size_t i = 0; i < into.size(); ++i) {
      const ssize_t n = send(into[i], bytes.data() + at[i], bytes.size() - at[i], MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) at[i] = (at[i] + static_cast<std::size_t>(n)) % bytes.size();
      if (n > 0) poured += static_cast<std::size_t>(n);
      if (n > 0) idle = 0;
    }
    // Where the other ends take no more that is the end of it.
    if ((poured > (std::size_t{64} << 20) || idle > patience) && !std::exchange(told, true)) report("pour", std::to_string(poured) + " bytes are poured");
  }
}

Bytes many(int count, const auto& make) {
  Bytes out;
  for (int i = 0; i < count; ++i) {
    const Bytes one = make(static_cast<std::uint64_t>(i));
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

}  // namespace

std::vector<int> sockets(int type) {
  std::vector<int> out;
  for (int fd = channel_of_supervisor + 1; fd < most_descriptors; ++fd) {
    int found = 0;
    socklen_t size = sizeof found;
    sockaddr_un peer{};
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &size) != 0 || found != type) continue;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0) out.push_back(fd);
  }
  return out;
}

void flood_signatures() {
  const std::string input = std::string(64, ' ') + "TLS 1.3, server CertificateVerify" + std::string(33, '\0');
  const Bytes good = wire::encode(wire::SignRequest{1, 1, 0x0403, wire::role_server, true, {input.begin(), input.end()}});
  const Bytes bad = wire::encode(wire::SignRequest{1, 1, 0x0403, wire::role_server, true, Bytes(100 * 1024)});
  std::size_t sent = 0;
  while (true) {
    for (const int fd : sockets(SOCK_SEQPACKET)) {
      for (int i = 0; i < 1000; ++i) {
        const Bytes& packet = i % 10 == 0 ? bad : good;
        if (send(fd, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0 && ++sent == 1000) report("pour", "1000 requests are sent");
        // Half of the answers are read, so that it goes on.
        char answer[4096];
        if (i % 2 == 0) (void)recv(fd, answer, sizeof answer, MSG_DONTWAIT);
      }
    }
  }
}

void flood_keys() {
  const wire::KeyRequest request{};
  pour(sockets(SOCK_STREAM), many(1000, [&](std::uint64_t i) { return frame(wire::Kind::key_request, i, wire::encode(request)); }));
}

void flood_questions() {
  const wire::ChainQuery query{true, "web.example", {Bytes(2000, 0x30)}, ""};
  pour(sockets(SOCK_STREAM), many(1000, [&](std::uint64_t i) { return frame(wire::Kind::chain_query, i, wire::encode(query)); }));
}

void flood_frames() {
  std::vector<int> all = sockets(SOCK_STREAM);
  // One that will never be whole, to each of the others; to the supervisor what it answers, and never reads its answers.
  for (const int fd : all) {
    for (const Bytes& one : {frame(wire::Kind::chain_query, 1, Bytes(1 << 20), 15 << 20)}) (void)send(fd, one.data(), one.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  const Bytes executable = wire::encode(wire::ExecutableQuery{1});
  pour({channel_of_supervisor}, many(1000, [&](std::uint64_t i) { return frame(wire::Kind::executable_query, i, executable); }));
}

void send_nonsense() {
  // Somebody's control connection, for the next worker, with none in it.
  const Bytes adopt = frame(wire::Kind::adopt, 1, wire::encode(wire::Adopt{1, Bytes(1000, 'x')}));
  (void)send(channel_of_supervisor, adopt.data(), adopt.size(), MSG_NOSIGNAL);
}

}  // namespace intruder
