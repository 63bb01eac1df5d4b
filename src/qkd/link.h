// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "qkd/stock.h"

namespace tlspool::qkd {

/// The simulated link: a thread that keeps a stock filled, `rate` keys a second or (0) as fast as the tokens take them.
class Link {
 public:
  using Complain = std::function<void(const std::string&)>;
  Link(Stock& stock, std::uint32_t rate, Complain complain);
  /// Waits for the batch that is on its way.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

 private:
  void run();
  bool pause();

  Stock& stock_;
  const std::uint32_t rate_;
  Complain complain_;
  std::mutex lock_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace tlspool::qkd
