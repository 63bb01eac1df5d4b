// SPDX-License-Identifier: Apache-2.0
// Which pool may use the one-time keys of a token. Where it belongs to one pool alone, the tombstone is the claim and
// the object goes later, so another pool must not come near it meanwhile: the token itself says whose it is.
#include <algorithm>
#include <thread>

#include "base/log.h"
#include "keeper/token_store.h"

namespace tlspool::keeper {
namespace {

// Another pool may mark a token that was shared, or take its mark away, while we use it.
constexpr std::chrono::seconds between_looks_for_marks{1};
// Of two pools that mark a token at the same moment, one waits for the other to withdraw.
constexpr int most_waits = 20;
constexpr std::chrono::milliseconds a_wait{100};

Status another_owns(const Token& token) {
  return fail({Code::policy, "use one-time keys", "token=" + token.name(), "another pool owns the token, says its object \"tlspool owner\"",
               "set shared = true for this token in the configuration of both pools, or give this pool a token of its own"});
}

bool has_other(const std::vector<OwnerMark>& marks, ByteView own) {
  return std::any_of(marks.begin(), marks.end(), [&](const OwnerMark& m) { return !std::ranges::equal(m.value, own); });
}

bool is_smallest(const std::vector<OwnerMark>& marks, ByteView own) {
  const Bytes mine = copy_of(own);
  return std::all_of(marks.begin(), marks.end(), [&](const OwnerMark& m) { return mine <= m.value; });
}

}  // namespace

Status TokenStore::may_use() {
  std::uint64_t now_open = 0;
  bool shared = true;
  auto done = token_->use(signer_, [&](const Session&, std::uint64_t generation) -> Called<void> {
    now_open = generation;
    shared = token_->setup().shared;
    return {};
  });
  if (!done) return done;
  Ownership& known = ownership_;
  const bool same = known.generation == now_open && known.shared == shared;
  if (same && known.may_use && !shared) return {};
  if (same && Clock::now() - known.looked < between_looks_for_marks) return known.may_use;
  forget_dead(now_open);
  const bool refused = same && !known.may_use;
  known.generation = now_open;
  known.shared = shared;
  known.may_use = shared ? look_shared() : look_exclusive();
  known.looked = Clock::now();
  if (!known.may_use && !refused) log::error("token.not_ours", {{"token", token_->name()}, {"problem", known.may_use.error().text()}});
  return known.may_use;
}

Status TokenStore::look_shared() {
  auto there = marks();
  if (!there) return fail(std::move(there.error()));
  if (there->empty()) {
    leaving_ = false;
    return {};
  }
  auto own = owner_.value();
  if (!own) return fail(std::move(own.error()));
  if (has_other(*there, *own)) return another_owns(*token_);
  // It was ours alone. What we used there must be gone before another pool may look.
  if (leaving_) return {};
  if (auto done = condemn_all(); !done) return done;
  leaving_ = true;
  return {};
}

Status TokenStore::look_exclusive() {
  leaving_ = false;
  auto own = owner_.make();
  if (!own) return fail(std::move(own.error()));
  auto there = marks();
  if (!there) return fail(std::move(there.error()));
  if (has_other(*there, *own)) return another_owns(*token_);
  return there->empty() ? mark(*own) : Status{};
}

// Ours is a token in which, after our mark was made, there was no other one. So two pools never both have it: of two
// marks that are made at the same moment, the later look sees both. A mark that was good once is never withdrawn.
Status TokenStore::mark(ByteView own) {
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t) { return make_owner_mark(session, own); });
  if (!done) return done;
  for (int waits = 0; waits < most_waits; ++waits) {
    auto there = marks();
    if (!there) return fail(std::move(there.error()));
    if (!has_other(*there, own)) {
      log::info("token.owned", {{"token", token_->name()}});
      return {};
    }
    if (!is_smallest(*there, own)) break;
    std::this_thread::sleep_for(a_wait);
  }
  if (done = remove_marks(own); !done) return done;
  return another_owns(*token_);
}

Result<std::vector<OwnerMark>> TokenStore::marks() {
  std::vector<OwnerMark> out;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t) -> Called<void> {
    auto found = find_owner_marks(session);
    if (!found) return pass(found);
    out = std::move(*found);
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

Status TokenStore::remove_marks(ByteView own) {
  return token_->use(signer_, [&](const Session& session, std::uint64_t) -> Called<void> {
    auto found = find_owner_marks(session);
    if (!found) return pass(found);
    for (const OwnerMark& mark : *found) {
      if (!std::ranges::equal(mark.value, own)) continue;
      auto destroyed = destroy_key(session, mark.object);
      if (!destroyed) return pass(destroyed);
    }
    return {};
  });
}

// Every key of the token that has a tombstone, also those of stores that no [[peer]] names any more.
Status TokenStore::condemn_all() {
  for (const wire::KeyObject kind : {wire::KeyObject::secret, wire::KeyObject::data}) {
    std::vector<CK_OBJECT_HANDLE> all;
    bool reopened = false;
    auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
      reopened = generation != ownership_.generation;
      const CK_OBJECT_CLASS its_class = kind == wire::KeyObject::secret ? CKO_SECRET_KEY : CKO_DATA;
      const CK_ATTRIBUTE wanted = attribute_of(CKA_CLASS, its_class);
      auto found = session.find({&wanted, 1});
      if (!found) return tl::unexpected<CallFailure>(CallFailure{std::move(found.error()), CKR_GENERAL_ERROR});
      all = std::move(*found);
      return {};
    });
    for (std::size_t from = 0; done && !reopened && from < all.size(); from += at_once) {
      done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
        reopened = generation != ownership_.generation;
        for (std::size_t i = from; i < std::min(from + at_once, all.size()) && !reopened; ++i) {
          const auto label = session.attribute(all[i], CKA_LABEL);
          const auto id = label ? session.attribute(all[i], CKA_ID) : label;
          if (!id || id->empty()) continue;
          const StoreName store{std::string(text_of(*label)), kind, {}, wire::IdForm::number};
          if (ledger_.claimed(sharedkey::tombstone_of(store.label, *id))) condemn(store, *id, all[i]);
        }
        return {};
      });
    }
    if (!done) return done;
    if (reopened) return fail({Code::busy, "read the keys", token_->name(), "the token was opened anew meanwhile", "try again"});
  }
  return {};
}

}  // namespace tlspool::keeper
