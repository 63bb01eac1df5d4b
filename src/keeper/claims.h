// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <set>

#include "keeper/token_store.h"

namespace tlspool::keeper {

/// What became of a claim.
struct Claimed {
  wire::KeyProblem problem = wire::KeyProblem::failed;
  Error error;
  Bytes id;
  Secret secret;
  std::size_t left = 0;  ///< keys of the direction that are left in the token
};

/// One key that is to be used up: its tombstone written and synced, its value read, its object destroyed, in that order.
struct Claim {
  StoreName store;
  std::optional<Bytes> id;                        ///< this key; none: the next one
  std::optional<sharedkey::Direction> direction;  ///< of which the next is taken; none: either
  std::set<Bytes> skip;                           ///< ids that must not be the next one
  TokenStore::Want want = TokenStore::Want::secret;
  Derivation derivation;
  bool in_token = true;                           ///< false: the key lies in no token, the tombstone is all
  bool must_be_there = false;                     ///< an id that the token does not have gets no tombstone
  std::function<void(Claimed)> done;              ///< called once, on the thread that claims
};

/// Makes all claims with as few syncs as can be: one for each round, and a second round only for those who lost a key to
/// another pool. `store` may be null where no claim is in a token.
void make_claims(std::vector<Claim> claims, LedgerFile& ledger, TokenStore* store);

}  // namespace tlspool::keeper
