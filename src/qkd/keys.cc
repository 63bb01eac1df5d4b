// SPDX-License-Identifier: Apache-2.0
#include "qkd/keys.h"

#include "base/secret.h"

namespace tlspool::qkd {

using wire::KeyAdminKind;

Result<Keys> Keys::open(const config::Paths& paths, std::chrono::seconds patience) {
  auto keeper = cli::KeyAdmin::open(paths, patience);
  if (!keeper) return fail(std::move(keeper.error()));
  return Keys(std::move(*keeper));
}

Result<wire::Deposited> Keys::deposit(wire::Deposit keys) {
  auto answer = keeper_.ask<wire::Deposited>(KeyAdminKind::deposit, keys, KeyAdminKind::deposited);
  for (wire::NumberedKey& key : keys.keys) wipe(key.key);
  return answer;
}

Result<wire::Withdrawn> Keys::withdraw(const wire::Withdraw& wanted) {
  return keeper_.ask<wire::Withdrawn>(KeyAdminKind::withdraw, wanted, KeyAdminKind::withdrawn);
}

Result<std::vector<wire::KeyCount>> Keys::counts() {
  auto counted = keeper_.ask<wire::KeyCounted>(KeyAdminKind::key_status, KeyAdminKind::key_counted);
  if (!counted) return fail(std::move(counted.error()));
  return std::move(counted->rows);
}

Result<std::vector<wire::AuditRow>> Keys::audit(const std::string& peer, ByteView nonce) {
  auto audited = keeper_.ask<wire::Audited>(KeyAdminKind::audit, wire::Audit{peer, copy_of(nonce)}, KeyAdminKind::audited);
  if (!audited) return fail(std::move(audited.error()));
  return std::move(audited->rows);
}

}  // namespace tlspool::qkd
