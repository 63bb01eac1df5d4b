// SPDX-License-Identifier: Apache-2.0
#include "keeper/token_store.h"

#include <algorithm>

namespace tlspool::keeper {
namespace {

constexpr std::chrono::seconds between_scans{1};
// A ClientHello may name any key: what it names costs no more than that many searches of the token a second.
constexpr int most_searches = 8;

}  // namespace

Result<KeyIndex*> TokenStore::index(const StoreName& store, Look look) {
  if (auto done = ledger_.ready(); !done) return fail(std::move(done.error()));
  if (auto done = may_use(); !done) return fail(std::move(done.error()));
  Known& known = known_[store];
  const bool due = look == Look::again && Clock::now() - known.looked >= between_scans;
  Status done;
  if (known.generation != ownership_.generation || due) done = scan(store, known);
  if (!done) return fail(std::move(done.error()));
  return &known.keys;
}

Status TokenStore::scan(const StoreName& store, Known& known) {
  std::vector<CK_OBJECT_HANDLE> there;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    auto found = find_keys(session, store.keys(), std::nullopt);
    if (!found) return pass(found);
    if (known.generation != generation) known.keys = {};
    known.generation = generation;
    there = std::move(*found);
    return {};
  });
  if (!done) return done;
  known.looked = Clock::now();
  std::sort(there.begin(), there.end());
  known.keys.keep_only(there);
  std::vector<CK_OBJECT_HANDLE> fresh;
  for (const CK_OBJECT_HANDLE h : there) {
    if (!known.keys.knows(h) && !dead_objects_.contains(h)) fresh.push_back(h);
  }
  done = read_ids(store, known, fresh);
  if (!done) known.generation = 0;  // half an index is none
  return done;
}

Status TokenStore::read_ids(const StoreName& store, Known& known, const std::vector<CK_OBJECT_HANDLE>& fresh) {
  const std::uint64_t of = known.generation;
  for (std::size_t from = 0; from < fresh.size(); from += at_once) {
    bool reopened = false;
    auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
      reopened = generation != of;
      for (std::size_t i = from; i < std::min(from + at_once, fresh.size()) && !reopened; ++i) {
        auto id = key_id(session, fresh[i]);
        if (!id) return pass(id);
        if (!id->has_value() || (*id)->empty()) continue;
        if (ledger_.claimed(sharedkey::tombstone_of(store.label, **id))) {
          // What a crash between tombstone and destruction left, or a backup brought back.
          condemn(store, **id, fresh[i]);
          continue;
        }
        known.keys.add(sharedkey::direction_of(**id, store.own_address, store.label), **id, fresh[i]);
      }
      return {};
    });
    if (!done) return done;
    if (reopened) return fail({Code::busy, "read the keys", token_->name(), "the token was opened anew meanwhile", "try again"});
  }
  return {};
}

Called<KeyIndex::Handles> TokenStore::handles_now(const Session& session, std::uint64_t generation,
                                                  const StoreName& store, ByteView id) {
  Known& known = known_[store];
  if (known.generation == generation) {
    if (const auto* handles = known.keys.find(id)) return *handles;
  }
  return find_keys(session, store.keys(), copy_of(id));
}

Result<KeyIndex::Handles> TokenStore::find(const StoreName& store, ByteView id) {
  auto keys = index(store, Look::if_needed);
  if (!keys) return fail(std::move(keys.error()));
  if (const auto* handles = (*keys)->find(id)) return *handles;
  if (ledger_.claimed(sharedkey::tombstone_of(store.label, id))) return KeyIndex::Handles{};
  Known& known = known_[store];
  const auto now = Clock::now();
  if (now - known.searched >= std::chrono::seconds{1}) {
    known.searched = now;
    known.searches = 0;
  }
  if (++known.searches > most_searches) return KeyIndex::Handles{};
  KeyIndex::Handles out;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    auto found = find_keys(session, store.keys(), copy_of(id));
    if (!found) return pass(found);
    out = std::move(*found);
    if (generation != known.generation) return {};
    for (const CK_OBJECT_HANDLE h : out) {
      known.keys.add(sharedkey::direction_of(id, store.own_address, store.label), copy_of(id), h);
    }
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

Called<std::optional<Secret>> TokenStore::secret_of(const Session& session, CK_OBJECT_HANDLE object, ByteView id,
                                                    const Derivation& derivation) {
  if (!derivation) return key_value(session, object, id);
  return key_hmac(session, object, id, derivation(id));
}

Result<std::optional<Secret>> TokenStore::read(const StoreName& store, ByteView id, const Derivation& derivation) {
  auto found = find(store, id);
  if (!found) return fail(std::move(found.error()));
  if (found->empty()) return std::nullopt;
  std::optional<Secret> out;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    auto handles = handles_now(session, generation, store, id);
    if (!handles) return pass(handles);
    if (handles->empty()) return {};
    auto secret = secret_of(session, handles->front(), id, derivation);
    if (!secret) return pass(secret);
    out = std::move(*secret);
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  if (!out) (void)known_[store].keys.remove(id);
  return out;
}

Result<TokenStore::Consumed> TokenStore::consume(const StoreName& store, ByteView id, Want want,
                                                 const Derivation& derivation) {
  if (auto good = may_use(); !good) return fail(std::move(good.error()));
  Consumed out;
  bool reopened = false;
  auto done = token_->use(signer_, [&](const Session& session, std::uint64_t generation) -> Called<void> {
    reopened = generation != ownership_.generation;
    if (reopened) return {};
    auto handles = handles_now(session, generation, store, id);
    if (!handles) return pass(handles);
    bool all = !handles->empty();
    bool same = true;
    // The same id twice: another pool may get one of the two, so the key is ours only if both fell to us.
    for (const CK_OBJECT_HANDLE h : *handles) {
      if (want == Want::secret) {
        auto secret = secret_of(session, h, id, derivation);
        if (!secret) return pass(secret);
        if (!secret->has_value()) {
          all = false;
          continue;
        }
        same = same && (out.secret.empty() || out.secret.equals(**secret));
        out.secret = std::move(**secret);
      }
      if (!ownership_.shared) {
        condemn(store, id, h);
        continue;
      }
      auto destroyed = destroy_key(session, h);
      if (!destroyed) return pass(destroyed);
      all = all && *destroyed == Destroyed::by_us;
    }
    out.ours = all;
    if (!all || !same) out.secret = Secret{};
    return {};
  });
  (void)known_[store].keys.remove(id);
  if (!done) return fail(std::move(done.error()));
  if (reopened) return fail({Code::busy, "claim a key", token_->name(), "the token was opened anew meanwhile", "try again"});
  return out;
}

}  // namespace tlspool::keeper
