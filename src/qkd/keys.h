// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/key_admin.h"
#include "config/paths.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// What the commands of quantum keys ask the keeper for.
class Keys {
 public:
  /// Error: Code::closed where no daemon runs, Code::denied where the pool is another user's.
  /// `patience`: how long the keeper may take for a request.
  [[nodiscard]] static Result<Keys> open(const config::Paths& paths,
                                         std::chrono::seconds patience = std::chrono::seconds(120));

  /// Stores keys in a peer's token, and wipes the copies that it was given.
  [[nodiscard]] Result<wire::Deposited> deposit(wire::Deposit keys);
  /// Takes keys out, each exactly once; those that are not there are left out. The caller wipes them.
  [[nodiscard]] Result<wire::Withdrawn> withdraw(const wire::Withdraw& wanted);
  [[nodiscard]] Result<std::vector<wire::KeyCount>> counts();
  [[nodiscard]] Result<std::vector<wire::AuditRow>> audit(const std::string& peer, ByteView nonce);

 private:
  explicit Keys(cli::KeyAdmin keeper) : keeper_(std::move(keeper)) {}

  cli::KeyAdmin keeper_;
};

}  // namespace tlspool::qkd
