// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "keeper/claims.h"
#include "keeper/leases.h"
#include "loop/channel.h"
#include "wire/key_admin.h"

namespace tlspool::keeper {

class SharedKeys;

/// The keeper's end of one administrator's `tlspool psk` or `tlspool qkd` (wire/key_admin.h).
class KeyAdmin {
 public:
  /// `number`: SharedKeys::close_admin() when the command has gone.
  KeyAdmin(Loop& loop, SharedKeys& keys, std::uint64_t number, UniqueFd socket);
  KeyAdmin(const KeyAdmin&) = delete;
  KeyAdmin& operator=(const KeyAdmin&) = delete;

 private:
  /// One request that is being answered.
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  void took(const Frame& frame);
  void answer(std::uint64_t number, wire::KeyAdminKind kind, Bytes body);
  void refuse(std::uint64_t number, const Error& error);
  /// Runs `work` on the token's thread and `then` on the loop, with what it returned; not when the command has gone.
  template <class T>
  void on_thread(const std::string& token, std::uint64_t number, std::function<T(TokenStore&)> work,
                 std::function<void(T)> then);
  [[nodiscard]] Peer peer_with_token(std::uint64_t number, const std::string& name);

  // key_admin.cc: lasting keys
  void psk_add(std::uint64_t number, wire::PskAdd request);
  void psk_list(std::uint64_t number);
  void psk_remove(std::uint64_t number, wire::PskRemove request);
  void remove_from(const JobPtr& job);
  void list_from(const JobPtr& job);
  // key_admin_stores.cc: one-time keys
  void deposit(std::uint64_t number, wire::Deposit request);
  void deposit_next(const JobPtr& job);
  void withdraw(std::uint64_t number, wire::Withdraw request);
  void status(std::uint64_t number);
  void status_of_next(const JobPtr& job);
  void audit(std::uint64_t number, wire::Audit request);
  void audit_next(const JobPtr& job);

  SharedKeys& keys_;
  const std::uint64_t number_;
  std::unique_ptr<Channel> channel_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tlspool::keeper
