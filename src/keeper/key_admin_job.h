// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "keeper/key_admin.h"
#include "keeper/shared_keys.h"

namespace tlspool::keeper {

/// What the steps of one request hand on to each other. Tokens are asked in small steps, so that handshakes' keys are
/// served in between.
struct KeyAdmin::Job {
  std::uint64_t number = 0;
  Peer peer;
  std::size_t at = 0;  ///< what was done so far
  // psk_list, psk_remove
  std::string name;
  std::vector<std::string> tokens;
  std::size_t removed = 0;
  wire::PskListed listed;
  Error problem;  ///< of the last token that could not be asked
  // deposit
  std::vector<wire::NumberedKey> keys;
  wire::Deposited deposited;
  // withdraw
  wire::Withdrawn withdrawn;
  std::size_t pending = 0;
  // key_status
  std::vector<Peer> peers;
  wire::KeyCounted counted;
  // audit
  Bytes nonce;
  std::vector<std::pair<Bytes, sharedkey::Direction>> ids;
  wire::Audited audited;

  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    for (wire::NumberedKey& key : keys) wipe(key.key);
    for (wire::NumberedKey& key : withdrawn.keys) wipe(key.key);
  }
};

template <class T>
void KeyAdmin::on_thread(const std::string& token, std::uint64_t number, std::function<T(TokenStore&)> work,
                         std::function<void(T)> then) {
  KeyThread* thread = keys_.thread(token);
  if (thread == nullptr || token.empty()) {
    return refuse(number, {Code::not_found, "use shared keys", "token=" + token, "no such [[token]] in the configuration", {}});
  }
  thread->run([alive = std::weak_ptr<bool>(alive_), &mailbox = keys_.mailbox(), work = std::move(work),
               then = std::move(then)](TokenStore* store) {
    auto outcome = std::make_shared<T>(work(*store));
    mailbox.post([alive, then, outcome] {
      if (!alive.expired()) then(std::move(*outcome));
    });
  });
}

}  // namespace tlspool::keeper
