// SPDX-License-Identifier: Apache-2.0
// Objects of keys that are used up, destroyed one by one when nobody waits for a key.
#include <algorithm>

#include "base/log.h"
#include "keeper/token_store.h"

namespace tlspool::keeper {
namespace {

// A token that refuses to destroy an object now may do it later; the key stays dead meanwhile.
constexpr std::chrono::seconds before_another_try{60};

}  // namespace

void TokenStore::condemn(const StoreName& store, ByteView id, CK_OBJECT_HANDLE object) {
  if (dead_objects_.insert(object).second) dead_.push_back({store, copy_of(id), object, false, {}});
}

// Handles of another login mean nothing. What is dead is found again when the stores are read anew.
void TokenStore::forget_dead(std::uint64_t generation) {
  if (generation == ownership_.generation) return;
  unread_ = unread_ || !dead_.empty();
  leaving_ = false;
  dead_.clear();
  dead_objects_.clear();
}

TokenStore::Burial TokenStore::bury_one() {
  if (!has_dead() || !ledger_.ready()) return Burial::none;
  if (!may_use()) return Burial::later;
  if (unread_) {
    for (const auto& [store, known] : known_) {
      if (!index(store, Look::if_needed)) return Burial::later;
    }
    unread_ = false;
    return Burial::one;
  }
  if (dead_.empty()) {
    if (!leaving_) return Burial::none;
    const auto own = owner_.value();
    if (!own || !remove_marks(*own)) return Burial::later;
    leaving_ = false;
    log::info("token.shared", {{"token", token_->name()}});
    return Burial::one;
  }
  const auto now = Clock::now();
  const auto due = std::find_if(dead_.begin(), dead_.end(), [&](const Dead& d) { return now >= d.not_before; });
  if (due == dead_.end()) return Burial::later;
  Dead dead = std::move(*due);
  dead_.erase(due);
  return bury(std::move(dead));
}

TokenStore::Burial TokenStore::bury(Dead dead) {
  Error problem;
  bool reopened = false;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    reopened = generation != ownership_.generation;
    if (reopened) return {};
    // The token may have given the handle to another key, if another program destroyed this one.
    auto id = key_id(session, dead.object);
    if (id && (!id->has_value() || **id != dead.id)) return {};
    auto gone = id ? destroy_key(session, dead.object) : Called<Destroyed>{tl::unexpected<CallFailure>(std::move(id.error()))};
    if (gone) return {};
    // These two a module may say of one object.
    const CK_RV rv = gone.error().rv;
    if (token_is_broken(rv) && rv != CKR_GENERAL_ERROR && rv != CKR_FUNCTION_FAILED) return tl::unexpected<CallFailure>(std::move(gone.error()));
    problem = std::move(gone.error().error);
    return {};
  });
  if (!done || reopened) {
    dead_.push_front(std::move(dead));
    return Burial::later;
  }
  if (problem.operation.empty()) {
    dead_objects_.erase(dead.object);
    return Burial::one;
  }
  if (!dead.failed) {
    log::warning("key.not_destroyed", {{"token", token_->name()}, {"store", dead.store.label},
                                       {"key", dead.store.text_of(dead.id)}, {"problem", problem.text()}});
  }
  dead.failed = true;
  dead.not_before = Clock::now() + before_another_try;
  dead_.push_back(std::move(dead));
  return Burial::one;
}

}  // namespace tlspool::keeper
