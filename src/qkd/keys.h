// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "config/paths.h"
#include "loop/channel.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// The running pool's shared keys: the way straight to its keeper, as wire/key_admin.h says. One request at a time.
class Keys {
 public:
  /// Error: Code::closed where no daemon runs, Code::denied where the pool is another user's.
  [[nodiscard]] static Result<Keys> open(const config::Paths& paths);

  /// Stores keys in a peer's token, and wipes the copies that it was given.
  [[nodiscard]] Result<wire::Deposited> deposit(wire::Deposit keys);
  [[nodiscard]] Result<std::vector<wire::KeyCount>> counts();
  [[nodiscard]] Result<std::vector<wire::AuditRow>> audit(const std::string& peer, ByteView nonce);

 private:
  explicit Keys(UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<Frame> ask(wire::KeyAdminKind kind, Bytes body, wire::KeyAdminKind expected);

  UniqueFd socket_;
  std::uint64_t number_ = 0;
};

}  // namespace tlspool::qkd
