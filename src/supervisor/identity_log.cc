// SPDX-License-Identifier: Apache-2.0
#include "supervisor/identity_log.h"

#include "base/log.h"
#include "supervisor/words.h"

namespace tlspool::supervisor {
namespace {

template <class List, class Same>
auto find(const List& list, Same same) -> const typename List::value_type* {
  for (const auto& item : list) {
    if (same(item)) return &item;
  }
  return nullptr;
}

void log_key(const config::Identity& identity, const config::Credential& credential, const wire::KeyReport& key) {
  if (key.usable) {
    log::info("identity.usable", {{"identity", identity.name}, {"token", credential.token}, {"key_type", word(key.type)}});
    return;
  }
  log::error("identity.unusable",
             {{"identity", identity.name}, {"token", credential.token}, {"problem", key.problem}});
}

}  // namespace

void log_changes(const config::Config& config, KeyNumbers& numbers, const wire::KeeperReport& old,
                 const wire::KeeperReport& now) {
  for (const auto& identity : config.identities) {
    for (const auto& credential : identity.credentials) {
      const auto same = [number = numbers.number(identity, credential)](const auto& k) { return k.key == number; };
      const auto* key = find(now.keys, same);
      const auto* before = find(old.keys, same);
      if (key == nullptr) continue;
      if (before == nullptr || before->usable != key->usable || before->problem != key->problem) {
        log_key(identity, credential, *key);
      }
    }
  }
}

}  // namespace tlspool::supervisor
