// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "authz/hook_answer.h"
#include "base/error.h"

namespace tlspool::judge {

/// A program or a service that is asked what a peer may do.
class Hook {
 public:
  /// An error is a refusal, and says what was wrong with the hook.
  using OnAnswer = std::function<void(Result<authz::HookAnswer>)>;
  /// Ends a question: its OnAnswer is not called any more. Nothing happens where it was called, or where the hook is gone.
  using Cancel = std::function<void()>;

  virtual ~Hook() = default;
  /// `on_answer` is called once, from the loop, never before ask() has returned, at the hook's deadline at the latest.
  [[nodiscard]] virtual Cancel ask(const authz::Facts& facts, OnAnswer on_answer) = 0;
};

}  // namespace tlspool::judge
