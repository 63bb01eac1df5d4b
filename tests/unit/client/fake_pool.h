// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/socket.h"
#include "wire/varlink.h"

namespace tlspool::client {

/// A pool that does what a test says, on a socket of its own in a directory of its own.
class FakePool {
 public:
  struct Asked {
    int connection;
    wire::Call call;
    std::vector<UniqueFd> descriptors;
  };
  /// Called for each message; false: close the connection.
  using Handler = std::function<bool(Asked&)>;

  explicit FakePool(Handler handler, const std::string& below = "") : handler_(std::move(handler)) {
    char name[] = "/tmp/tlspool-client-XXXXXX";
    base_ = mkdtemp(name);
    directory_ = base_ + below;
    for (std::size_t at = base_.size() + 1; at < directory_.size(); ++at) {
      if (directory_[at] == '/') mkdir(directory_.substr(0, at).c_str(), 0700);
    }
    mkdir(directory_.c_str(), 0700);
    mkdir((directory_ + "/run").c_str(), 0700);
    start();
  }
  ~FakePool() {
    stop();
    (void)!system(("rm -r " + base_).c_str());
  }
  void start() {
    auto listening = listen_unix(socket(), 0600);
    ASSERT_TRUE(listening) << listening.error().text();
    listener_ = std::move(*listening);
    stopped_ = false;
    thread_ = std::thread([this] { serve(); });
  }
  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    connections_.clear();
    listener_.reset();
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string socket() const { return directory_ + "/run/pool.sock"; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void serve() {
    while (!stopped_) {
      std::vector<pollfd> waiting{{listener_.get(), POLLIN, 0}};
      for (const UniqueFd& c : connections_) waiting.push_back({c.get(), POLLIN, 0});
      if (poll(waiting.data(), waiting.size(), 10) <= 0) continue;
      for (std::size_t i = connections_.size(); i > 0; --i) {
        if (waiting[i].revents != 0 && !answer(connections_[i - 1].get())) {
          connections_.erase(connections_.begin() + static_cast<long>(i) - 1);
        }
      }
      if (waiting[0].revents != 0) {
        if (UniqueFd c{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)}; c.valid()) {
          ++accepted_;
          connections_.push_back(std::move(c));
        }
      }
    }
  }
  bool answer(int connection) {
    Bytes bytes(64 * 1024);
    auto got = receive(connection, bytes, 0);
    if (!got || !got->has_value() || (*got)->size == 0) return false;
    auto call = wire::parse_call(text_of(ByteView{bytes}.first((*got)->size - 1)));
    if (!call) return false;
    Asked asked{connection, std::move(*call), std::move((*got)->descriptors)};
    return handler_(asked);
  }

  Handler handler_;
  std::string base_;
  std::string directory_;
  UniqueFd listener_;
  std::vector<UniqueFd> connections_;
  std::atomic<int> accepted_ = 0;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

inline bool say(int connection, std::string_view text, std::span<const int> descriptors = {}) {
  return transmit(connection, view(text), descriptors).has_value();
}

inline wire::Value session_value(const char* role = "client") {
  return wire::Value::object()
      .set("id", "00112233445566778899aabbccddeeff")
      .set("role", role)
      .set("remoteIdentity", "www.example.org")
      .set("remoteNames", wire::Value::array().push("www.example.org").push("example.org"))
      .set("verifiedBy", "chain")
      .set("version", "tls13")
      .set("cipherSuite", "TLS_AES_128_GCM_SHA256")
      .set("group", "x25519")
      .set("signatureAlgorithm", "ecdsa_secp256r1_sha256")
      .set("alpn", nullptr)
      .set("resumed", false);
}

/// Descriptors that are open in this process.
inline int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

}  // namespace tlspool::client
