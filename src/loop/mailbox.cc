// SPDX-License-Identifier: Apache-2.0
#include "loop/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace tlspool {

Mailbox::Mailbox(Loop& loop) : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  woken_ = std::make_unique<Poll>(loop, wake_.get(), [this](int) { deliver(); });
  woken_->want(Poll::readable);
}

void Mailbox::post(Letter letter) {
  const std::lock_guard guard(lock_);
  letters_.push_back(std::move(letter));
  const std::uint64_t one = 1;
  if (letters_.size() == 1) (void)!write(wake_.get(), &one, sizeof one);
}

void Mailbox::deliver() {
  std::uint64_t count;
  (void)!read(wake_.get(), &count, sizeof count);
  std::vector<Letter> letters;
  {
    const std::lock_guard guard(lock_);
    letters.swap(letters_);
  }
  if (before_) before_();
  for (Letter& letter : letters) letter();
  if (after_) after_();
}

}  // namespace tlspool
