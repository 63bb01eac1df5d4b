// SPDX-License-Identifier: Apache-2.0
#include "keeper/pin_entry.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/socket.h"
#include "keeper/pin.h"

namespace tlspool::keeper {

PinEntry::PinEntry(Loop& loop, UniqueFd socket, std::chrono::milliseconds deadline, Done done)
    : socket_(std::move(socket)), done_(std::move(done)), typed_(max_pin + 2), timer_(loop) {
  timer_.start(deadline, [this] {
    finish(fail({Code::timeout, "read the PIN", "", "nothing was entered in time", "try `tlspool pin` again"}));
  });
  poll_ = std::make_unique<Poll>(loop, socket_.get(), [this](int) { ready(); });
  poll_->want(Poll::readable);
}

void PinEntry::ready() {
  while (have_ < typed_.size()) {
    const ssize_t n = recv(socket_.get(), typed_.writable().data() + have_, typed_.size() - have_, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) return finish(fail(system_error("read the PIN", "", errno)));
    if (n == 0) break;
    have_ += static_cast<std::size_t>(n);
  }
  typed_.shrink(have_);
  strip_line_end(typed_);
  if (typed_.empty()) return finish(fail({Code::invalid, "read the PIN", "", "it is empty", {}}));
  if (typed_.size() > max_pin) return finish(fail({Code::invalid, "read the PIN", "", "longer than 256 bytes", {}}));
  finish(std::move(typed_));
}

void PinEntry::finish(Result<Secret> pin) {
  timer_.stop();
  poll_->want(Poll::none);
  const Done done = std::move(done_);
  done(*this, std::move(pin));
}

void PinEntry::answer(const Status& outcome) {
  const std::string line = (outcome ? "ok" : outcome.error().text()) + "\n";
  (void)transmit(socket_.get(), view(line), {}, MSG_DONTWAIT);  // Nobody may be listening any more.
}

}  // namespace tlspool::keeper
