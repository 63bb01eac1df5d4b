// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "loop/loop.h"
#include "metrics/request.h"

namespace tlspool::metrics {

/// One request and its response. Whoever is slow is cut off.
class Connection {
 public:
  static constexpr std::chrono::milliseconds usual_deadline{10'000};
  /// The metrics as of now.
  using Page = std::function<std::string()>;
  using OnEnd = std::function<void()>;

  /// `on_end` is called once and may destroy the connection.
  Connection(Loop& loop, UniqueFd socket, Page page, OnEnd on_end, std::chrono::milliseconds deadline = usual_deadline);

 private:
  enum class Step { reading, writing, draining };
  void ready();
  void read_request();
  void write_response();
  void drain();
  void finish();

  UniqueFd socket_;
  Page page_;
  OnEnd on_end_;
  Poll poll_;
  Timer timer_;
  Step step_ = Step::reading;
  std::string input_;
  std::string output_;
  std::size_t written_ = 0;
  std::size_t drained_ = 0;
};

}  // namespace tlspool::metrics
