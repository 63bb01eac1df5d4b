// SPDX-License-Identifier: Apache-2.0
#include "qkd/link.h"

#include <algorithm>
#include <chrono>

namespace tlspool::qkd {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds tick{50};
constexpr std::uint64_t unlimited = 64;  // keys a tick where no rate is given; a full batch is followed by the next

}  // namespace

Link::Link(Stock& stock, std::uint32_t rate, Complain complain)
    : stock_(stock), rate_(rate), complain_(std::move(complain)), thread_([this] { run(); }) {}

Link::~Link() {
  {
    const std::lock_guard hold(lock_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Link::pause() {
  std::unique_lock hold(lock_);
  wake_.wait_for(hold, tick, [&] { return stopped_; });
  return !stopped_;
}

void Link::run() {
  std::string trouble;
  auto last = Clock::now();
  double due = 0;
  while (pause()) {
    const auto now = Clock::now();
    due = std::min<double>(due + rate_ * std::chrono::duration<double>(now - last).count(), std::max<std::uint32_t>(rate_, 1));
    last = now;
    stock_.discard_rest();
    while (true) {
      const auto wanted = rate_ == 0 ? unlimited : static_cast<std::uint64_t>(due);
      auto made = stock_.make(wanted);
      if (!made) {
        // Once for each trouble: the link goes on trying.
        if (made.error().text() != trouble) complain_("link: " + made.error().text());
        trouble = made.error().text();
        break;
      }
      if (!trouble.empty() && *made > 0) {
        complain_("link: keys flow again");
        trouble.clear();
      }
      due -= static_cast<double>(*made);
      const std::lock_guard hold(lock_);
      if (*made == 0 || rate_ != 0 || stopped_) break;
    }
  }
}

}  // namespace tlspool::qkd
