// SPDX-License-Identifier: Apache-2.0
#include "qkd/link_store.h"

#include "base/secret.h"
#include "config/load.h"
#include "qkd/peer.h"

namespace tlspool::qkd {
namespace {

constexpr std::chrono::seconds patience{15};  // a client waits behind it

tl::unexpected<Error> unfit(const std::string& peer, std::string reason, std::string advice) {
  return fail({Code::config, "link", peer, std::move(reason), std::move(advice)});
}

}  // namespace

Result<std::string> LinkStore::check(const config::Paths& paths, const std::string& name) {
  const auto config = config::load(paths);
  if (!config) return fail(config.error());
  const auto peer = find_peer(*config, name);
  if (!peer) return fail(peer.error());
  if (peer->use != wire::KeyUse::psk || peer->source != wire::KeySource::token) {
    return unfit(name, "its keys do not lie in a token", "set source = \"token\" and use = \"psk\" in the [[peer]]");
  }
  if (!peer->deliver) return unfit(name, "its keys may not leave the pool", "set deliver = true in the [[peer]]");
  if (peer->id_form != wire::IdForm::uuid) return unfit(name, "its ids are no UUIDs", "set id = \"uuid\" in the [[peer]]");
  if (peer->mode != wire::KeyMode::plain) return unfit(name, "its keys can't be read", "set mode = \"plain\" in the [[peer]]");
  return peer->name;
}

Result<Keys*> LinkStore::keys() {
  if (!keys_) {
    auto opened = Keys::open(paths_, patience);
    if (!opened) return fail(std::move(opened.error()));
    keys_ = std::move(*opened);
  }
  return &*keys_;
}

Result<std::vector<std::string>> LinkStore::deposit(std::vector<wire::NumberedKey> given) {
  const std::lock_guard hold(lock_);
  auto open = keys();
  if (!open) {
    for (wire::NumberedKey& key : given) wipe(key.key);
    return fail(std::move(open.error()));
  }
  auto done = (*open)->deposit({peer_, std::move(given)});
  if (!done) {
    keys_.reset();
    return fail(std::move(done.error()));
  }
  if (done->stored.empty() && !done->refused.empty()) {
    const wire::DepositRefused& first = done->refused.front();
    return fail({Code::token_failed, "store keys of the link", peer_ + " key " + first.id, first.reason, {}});
  }
  return std::move(done->stored);
}

Result<std::vector<wire::NumberedKey>> LinkStore::withdraw(const std::vector<std::string>& ids) {
  const std::lock_guard hold(lock_);
  auto open = keys();
  if (!open) return fail(std::move(open.error()));
  auto done = (*open)->withdraw({peer_, 0, ids});
  if (!done) {
    keys_.reset();
    return fail(std::move(done.error()));
  }
  return std::move(done->keys);
}

Result<std::vector<wire::AuditRow>> LinkStore::list(ByteView nonce) {
  const std::lock_guard hold(lock_);
  auto open = keys();
  if (!open) return fail(std::move(open.error()));
  auto rows = (*open)->audit(peer_, nonce);
  if (!rows) keys_.reset();
  return rows;
}

}  // namespace tlspool::qkd
