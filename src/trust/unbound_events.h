// SPDX-License-Identifier: Apache-2.0
#pragma once
// The header needs what it does not include.
#include <sys/time.h>
#include <unbound-event.h>

#include "loop/loop.h"

namespace tlspool::trust {

/// libunbound's events on our loop: it runs in the caller's thread and starts no thread or process of its own. Must
/// outlive the ub_ctx that is made with it.
class UnboundEvents {
 public:
  explicit UnboundEvents(Loop& loop);
  UnboundEvents(const UnboundEvents&) = delete;
  UnboundEvents& operator=(const UnboundEvents&) = delete;
  ub_event_base* base() { return &base_; }

  struct Base : ub_event_base {
    Loop* loop;
  };

 private:
  Base base_;
};

}  // namespace tlspool::trust
