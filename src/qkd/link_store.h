// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/paths.h"
#include "qkd/keys.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// A key management entity's own store: where the link puts keys, until they are delivered. Thread-safe.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Ids of the keys that are stored now. The copies given are wiped.
  [[nodiscard]] virtual Result<std::vector<std::string>> deposit(std::vector<wire::NumberedKey> keys) = 0;
  /// Takes keys out for ever; those that are not there are left out. The caller wipes them.
  [[nodiscard]] virtual Result<std::vector<wire::NumberedKey>> withdraw(const std::vector<std::string>& ids) = 0;
  /// Ids and check values of all that is there.
  [[nodiscard]] virtual Result<std::vector<wire::AuditRow>> list(ByteView nonce) = 0;
};

/// The store in a pool's token: a [[peer]] whose keys may be delivered.
class LinkStore : public KeyStore {
 public:
  /// Refuses a [[peer]] that can't be such a store, and says what its table must say.
  [[nodiscard]] static Result<std::string> check(const config::Paths& paths, const std::string& peer);

  LinkStore(config::Paths paths, std::string peer) : paths_(std::move(paths)), peer_(std::move(peer)) {}
  [[nodiscard]] Result<std::vector<std::string>> deposit(std::vector<wire::NumberedKey> keys) override;
  [[nodiscard]] Result<std::vector<wire::NumberedKey>> withdraw(const std::vector<std::string>& ids) override;
  [[nodiscard]] Result<std::vector<wire::AuditRow>> list(ByteView nonce) override;

 private:
  [[nodiscard]] Result<Keys*> keys();

  std::mutex lock_;
  config::Paths paths_;
  std::string peer_;
  std::optional<Keys> keys_;  ///< opened again after every error
};

}  // namespace tlspool::qkd
