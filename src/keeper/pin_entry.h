// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/secret.h"
#include "loop/loop.h"

namespace tlspool::keeper {

/// Reads a PIN from the stream socket of an administrator's program until its end, at most max_pin bytes and
/// within a deadline.
class PinEntry {
 public:
  using Done = std::function<void(PinEntry&, Result<Secret>)>;
  /// `done` is called once, on the loop; it may destroy the entry.
  PinEntry(Loop& loop, UniqueFd socket, std::chrono::milliseconds deadline, Done done);
  /// Writes one line: "ok" or the error's text.
  void answer(const Status& outcome);

 private:
  void ready();
  void finish(Result<Secret> pin);
  UniqueFd socket_;
  Done done_;
  Secret typed_;
  std::size_t have_ = 0;
  Timer timer_;
  std::unique_ptr<Poll> poll_;
};

}  // namespace tlspool::keeper
