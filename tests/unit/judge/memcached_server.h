// SPDX-License-Identifier: Apache-2.0
// memcached as far as libmemcached speaks with it, and how it may fail: it answers what a test wants.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../loopback_listener.h"
#include "base/socket.h"

namespace tlspool::test {

class MemcachedServer {
 public:
  enum class Mood {
    honest,
    silent,     ///< takes what comes, says nothing
    closing,    ///< ends each connection
    babbling,   ///< says what is not of the protocol
    promising,  ///< announces a value of 4 GB
    trickling,  ///< a byte every few milliseconds, without end
    full,       ///< no room for anything
  };

  MemcachedServer() {
    name = "127.0.0.1:" + std::to_string(listener_.port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~MemcachedServer() {
    ended_ = true;
    shutdown(listener_.socket.get(), SHUT_RDWR);
    accepting_.join();
    for (auto& socket : sockets_) shutdown(socket.get(), SHUT_RDWR);
    for (auto& thread : threads_) thread.join();
  }

  std::string name;
  std::atomic<Mood> mood = Mood::honest;
  std::atomic<int> gets = 0;

  std::map<std::string, std::string> items() {
    const std::lock_guard guard(lock_);
    return items_;
  }
  void put(const std::string& key, std::string value) {
    const std::lock_guard guard(lock_);
    items_[key] = std::move(value);
  }

 private:
  void accept_all() {
    while (!ended_) {
      const int fd = accept4(listener_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      sockets_.emplace_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  static void say(int fd, const std::string& text) { (void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

  /// Up to a line's end; empty: the connection has ended.
  static std::string line(int fd) {
    std::string out;
    char c = 0;
    while (!out.ends_with("\r\n") && recv(fd, &c, 1, 0) == 1) out += c;
    return out.ends_with("\r\n") ? out.substr(0, out.size() - 2) : "";
  }

  void serve(int fd) {
    for (std::string command = line(fd); !command.empty(); command = line(fd)) {
      std::vector<std::string> words;
      for (std::size_t at = 0; at <= command.size();) {
        const auto end = std::min(command.find(' ', at), command.size());
        if (end > at) words.push_back(command.substr(at, end - at));
        at = end + 1;
      }
      if (words.size() < 2) break;  // quit
      std::string value;
      if (words[0] == "set" || words[0] == "add") {
        value.resize(static_cast<std::size_t>(std::stoi(words.at(4))));
        (void)!recv(fd, value.data(), value.size(), MSG_WAITALL);
        (void)line(fd);
      }
      if (words[0] == "get") ++gets;
      if (!answer(fd, words, std::move(value))) break;
    }
    shutdown(fd, SHUT_RDWR);
  }

  bool answer(int fd, const std::vector<std::string>& words, std::string value) {
    switch (mood.load()) {
      case Mood::silent: return true;
      case Mood::closing: return false;
      case Mood::babbling: say(fd, "I am the one who knocks\r\n"); return true;
      case Mood::promising: say(fd, "VALUE " + words.at(1) + " 0 4294967295\r\nabc"); return true;
      case Mood::trickling:
        say(fd, "VALUE " + words.at(1) + " 0 60000\r\n");
        while (!ended_ && mood == Mood::trickling) {
          say(fd, "x");
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return false;
      case Mood::full:
        say(fd, words[0] == "get" ? "END\r\n" : "SERVER_ERROR out of memory storing object\r\n");
        return true;
      case Mood::honest: break;
    }
    const std::lock_guard guard(lock_);
    const auto found = items_.find(words.at(1));
    if (words[0] == "get") {
      std::string out;
      if (found != items_.end()) out = "VALUE " + words[1] + " 0 " + std::to_string(found->second.size()) + "\r\n" + found->second + "\r\n";
      say(fd, out + "END\r\n");
    } else if (words[0] == "add" && found != items_.end()) {
      say(fd, "NOT_STORED\r\n");
    } else {
      items_[words[1]] = std::move(value);
      say(fd, "STORED\r\n");
    }
    return true;
  }

  const LoopbackListener listener_;
  std::atomic<bool> ended_ = false;
  std::mutex lock_;
  std::map<std::string, std::string> items_;
  std::vector<UniqueFd> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace tlspool::test
