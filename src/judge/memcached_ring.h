// SPDX-License-Identifier: Apache-2.0
// The servers of memcached as one thread uses them: blocking, each call for a few tenths of a second at most.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"

struct memcached_st;

namespace tlspool::judge {

/// Which servers are left out for a while; one for all threads.
class ServerHealth {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds least_pause{2};  ///< doubles with each failure that follows
  static constexpr std::chrono::seconds most_pause{30};

  explicit ServerHealth(std::size_t servers) : servers_(servers) {}
  /// Those to be used now, as bits.
  [[nodiscard]] std::uint32_t usable(Clock::time_point now);
  /// How long it is left out; 0: it was left out already.
  std::chrono::seconds failed(std::size_t server, Clock::time_point now);
  /// Whether it had failed before.
  bool worked(std::size_t server);
  [[nodiscard]] std::uint64_t failures();

 private:
  struct Server {
    std::chrono::seconds pause{0};  ///< 0: it works
    Clock::time_point out_until{};
  };
  std::mutex lock_;
  std::vector<Server> servers_;
  std::uint64_t failures_ = 0;
};

/// One thread's connections to all servers that are used now, which share the names among them by consistent hashing: if one is left
/// out, the names of the others stay where they are.
class MemcachedRing {
 public:
  static constexpr std::size_t most_servers = 32;
  static constexpr std::chrono::milliseconds patience{100};  ///< for connecting, and for each step of an answer

  /// `servers`: "HOST:PORT", "[ADDRESS]:PORT" or "unix:/PATH". `health` must outlive this.
  MemcachedRing(std::vector<std::string> servers, ServerHealth& health);
  ~MemcachedRing();
  MemcachedRing(const MemcachedRing&) = delete;
  MemcachedRing& operator=(const MemcachedRing&) = delete;

  enum class State {
    done,       ///< found, or stored
    not_there,  ///< get: no such entry; add: there is one already; set: no room
    failed,     ///< the server did not do what it is for
    no_server,  ///< all of them are left out
  };
  struct Reply {
    State state = State::failed;
    Bytes value;          ///< get
    std::size_t server = 0;
    std::string reason;   ///< failed
  };
  [[nodiscard]] Reply get(const std::string& name);
  [[nodiscard]] Reply set(const std::string& name, const Bytes& value, std::uint32_t seconds);
  [[nodiscard]] Reply add(const std::string& name, const Bytes& value, std::uint32_t seconds);

 private:
  void use(std::uint32_t servers);
  template <class Call> Reply call(const std::string& name, Call what);

  std::vector<std::string> servers_;
  ServerHealth& health_;
  std::uint32_t used_ = 0;          ///< that memcached_ knows, as bits
  std::vector<std::size_t> order_;  ///< their numbers, in its order
  memcached_st* memcached_ = nullptr;
};

}  // namespace tlspool::judge
