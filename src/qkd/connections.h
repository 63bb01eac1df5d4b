// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "base/fd.h"

namespace tlspool::qkd {

/// A thread for each client, and not too many of them: where the places are taken, the client that has been silent for
/// longest loses its own.
class Connections {
 public:
  /// What a client's thread tells.
  class Client {
   public:
    void idle();
    void busy();

   private:
    friend class Connections;
    Connections* owner = nullptr;
    UniqueFd socket;  ///< a copy, to end the connection by
    std::thread thread;
    bool waiting = true;
    bool ended = false;
    std::chrono::steady_clock::time_point since;
  };
  using Serve = std::function<void(UniqueFd, Client&)>;

  explicit Connections(std::size_t most) : most_(most) {}
  /// Ends all and waits for their threads.
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  /// Runs `serve` on a thread of its own; closes the socket where there is no place.
  void start(UniqueFd socket, Serve serve);

 private:
  void reap();
  bool make_room();

  const std::size_t most_;
  std::mutex lock_;
  std::list<Client> clients_;
};

}  // namespace tlspool::qkd
