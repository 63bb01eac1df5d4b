// SPDX-License-Identifier: Apache-2.0
#include "keeper/claims.h"

#include <map>

#include "base/log.h"
#include "counters/page.h"

namespace tlspool::keeper {
namespace {

using wire::KeyProblem;

struct Chosen {
  Claim claim;
  Bytes id;
};

std::string subject_of(const Claim& claim, const TokenStore* store, const Bytes& id) {
  std::string out = store != nullptr && claim.in_token ? "token=" + store->token().name() + " " : "";
  out += "store=" + claim.store.label;
  return id.empty() ? out : out + " key=" + claim.store.text_of(id);
}

void finish(Claim& claim, KeyProblem problem, Error error, Bytes id = {}) {
  Claimed out;
  out.problem = problem;
  out.error = std::move(error);
  out.id = std::move(id);
  claim.done(std::move(out));
}

std::size_t left_of(const KeyIndex& keys, const std::optional<sharedkey::Direction>& direction) {
  return direction ? keys.count(*direction) : keys.count();
}

// The key that this claim is to have; not one that another claim of the round has.
std::optional<Bytes> choose(Claim& claim, TokenStore* store, const std::set<Bytes>& round) {
  if (claim.id && !claim.must_be_there) return claim.id;
  if (claim.id) {
    const auto found = store->find(claim.store, *claim.id);
    if (found && !found->empty() && !claim.skip.contains(*claim.id)) return claim.id;
    finish(claim, found ? KeyProblem::unknown : KeyProblem::failed,
           found ? Error{Code::not_found, "take a key", subject_of(claim, store, *claim.id), "no such key, or it is in use", {}}
                 : found.error());
    return std::nullopt;
  }
  const auto skip = [&](const Bytes& id) { return round.contains(id) || claim.skip.contains(id); };
  for (const auto look : {TokenStore::Look::if_needed, TokenStore::Look::again}) {
    auto keys = store->index(claim.store, look);
    if (!keys) {
      finish(claim, KeyProblem::failed, std::move(keys.error()));
      return std::nullopt;
    }
    if (auto id = (*keys)->next(claim.direction, skip)) return id;
  }
  finish(claim, KeyProblem::exhausted,
         {Code::not_found, "take a key", subject_of(claim, store, {}), "no key is left in this direction", {}});
  return std::nullopt;
}

enum class Outcome { done, try_next };

Outcome consume(Chosen& chosen, TokenStore* store) {
  Claim& claim = chosen.claim;
  Claimed out;
  out.id = chosen.id;
  if (claim.in_token) {
    auto consumed = store->consume(claim.store, chosen.id, claim.want, claim.derivation);
    if (!consumed) {
      counters::count<counters::Family::shared_keys>(counters::KeyEvent::burned);
      log::warning("key.burned", {{"store", claim.store.label}, {"key", claim.store.text_of(chosen.id)}, {"problem", consumed.error().text()}});
      finish(claim, KeyProblem::failed, std::move(consumed.error()), chosen.id);
      return Outcome::done;
    }
    const bool wanted = claim.want == TokenStore::Want::secret;
    if (!consumed->ours || (wanted && consumed->secret.empty())) {
      const std::string reason = consumed->ours ? "the token has two different keys with this id" : "another pool claimed it";
      counters::count<counters::Family::shared_keys>(counters::KeyEvent::burned);
      log::info("key.burned", {{"store", claim.store.label}, {"key", claim.store.text_of(chosen.id)}, {"reason", reason}});
      if (!claim.id) return Outcome::try_next;
      finish(claim, KeyProblem::used, {Code::busy, "claim a key", subject_of(claim, store, chosen.id), reason, {}}, chosen.id);
      return Outcome::done;
    }
    out.secret = std::move(consumed->secret);
    if (auto keys = store->index(claim.store, TokenStore::Look::if_needed)) out.left = left_of(**keys, claim.direction);
  }
  out.problem = KeyProblem::none;
  claim.done(std::move(out));
  return Outcome::done;
}

}  // namespace

void make_claims(std::vector<Claim> claims, LedgerFile& ledger, TokenStore* store) {
  while (!claims.empty()) {
    std::vector<Chosen> chosen;
    std::vector<sharedkey::Tombstone> tombstones;
    std::map<StoreName, std::set<Bytes>> of_this_round;
    for (Claim& claim : claims) {
      std::set<Bytes>& round = of_this_round[claim.store];
      auto id = choose(claim, store, round);
      if (!id) continue;
      round.insert(*id);
      tombstones.push_back(sharedkey::tombstone_of(claim.store.label, *id));
      chosen.push_back({std::move(claim), std::move(*id)});
    }
    claims.clear();
    auto ours = ledger.claim(tombstones);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      Chosen& c = chosen[i];
      if (!ours) {
        finish(c.claim, KeyProblem::failed, ours.error(), c.id);
        continue;
      }
      if ((*ours)[i]) ledger.note_claimed(c.claim.store.label);
      if (!(*ours)[i] && c.claim.id) {
        finish(c.claim, KeyProblem::used,
               {Code::busy, "claim a key", subject_of(c.claim, store, c.id), "it was used before", {}}, c.id);
        continue;
      }
      if (!(*ours)[i]) store->forget(c.claim.store, c.id);
      const bool again = !(*ours)[i] || consume(c, store) == Outcome::try_next;
      if (again) claims.push_back(std::move(c.claim));
    }
  }
}

}  // namespace tlspool::keeper
