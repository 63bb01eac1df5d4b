// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "keeper/key_index.h"
#include "keeper/ledger_file.h"
#include "keeper/owner.h"
#include "keeper/token.h"

namespace tlspool::keeper {

/// Computes what the token is to make the PSK from, in derived mode; empty function: the value itself is the PSK.
using Derivation = std::function<Bytes(ByteView id)>;

/// The shared keys of one token, for its one key thread. Every call into the module is made inside Token::use(), a few
/// objects at a time, so that a token that is slow can still be reopened in between.
class TokenStore {
 public:
  using Direction = sharedkey::Direction;
  TokenStore(std::shared_ptr<Token> token, LedgerFile& ledger, OwnerFile& owner)
      : token_(std::move(token)), ledger_(ledger), owner_(owner) {}
  ~TokenStore() { token_->finish(signer_); }
  TokenStore(const TokenStore&) = delete;
  TokenStore& operator=(const TokenStore&) = delete;
  [[nodiscard]] const Token& token() const { return *token_; }

  /// Objects in one go inside the token's gate.
  static constexpr std::size_t at_once = 64;

  enum class Look {
    if_needed,  ///< only where nothing is known yet, or the token was opened anew
    again,      ///< other programs may have come and gone; at most once a second
  };
  /// The index of a store, made or brought up to date. Keys with a tombstone are no part of it; bury_one()
  /// destroys them.
  [[nodiscard]] Result<KeyIndex*> index(const StoreName& store, Look look);

  /// Leaves a key out from now on.
  void forget(const StoreName& store, ByteView id) { (void)known_[store].keys.remove(id); }
  /// The key's objects, out of the index or, once, out of the token. Empty: no such key.
  [[nodiscard]] Result<KeyIndex::Handles> find(const StoreName& store, ByteView id);
  /// The PSK of a key that stays where it is. std::nullopt: it has gone.
  [[nodiscard]] Result<std::optional<Secret>> read(const StoreName& store, ByteView id, const Derivation& derivation);

  struct Consumed {
    bool ours = false;  ///< nobody else has the key: every object of that id was destroyed by us, or the token is ours alone
    Secret secret;      ///< empty where it was not asked for, and where two objects of the id contradict each other
  };
  enum class Want { secret, nothing };
  /// Reads the key, then destroys it; in a token that is ours alone that is left to bury_one(). Only after its tombstone
  /// is on disk.
  [[nodiscard]] Result<Consumed> consume(const StoreName& store, ByteView id, Want want, const Derivation& derivation);

  enum class Burial { none, one, later };
  /// Destroys at most one object whose key has a tombstone. `later`: what is left can't be destroyed just now. When all
  /// are gone from a token that was ours alone and is to be shared, our mark goes as well.
  [[nodiscard]] Burial bury_one();
  /// Whether bury_one() has anything to do.
  [[nodiscard]] bool has_dead() const { return !dead_.empty() || unread_ || leaving_; }

  /// Code::invalid where the token has the id already.
  [[nodiscard]] Status deposit(const StoreName& store, ByteView id, ByteView value, wire::KeyMode mode);
  /// Check values of `ids`, in their order; empty for what has gone.
  [[nodiscard]] Result<std::vector<Bytes>> check(const StoreName& store, const std::vector<Bytes>& ids, ByteView nonce);

  // Lasting keys (`tlspool psk`): label "psk:NAME", id NAME.
  struct Lasting {
    std::string name;
    std::uint32_t bits = 0;
    bool derived = false;
  };
  [[nodiscard]] Result<std::vector<Lasting>> lasting();
  [[nodiscard]] Result<std::optional<Secret>> read_lasting(const std::string& name, const Derivation& derivation);
  [[nodiscard]] Result<bool> has_lasting(const std::string& name);
  [[nodiscard]] Status add_lasting(const std::string& name, ByteView value, wire::KeyMode mode);
  /// How many objects there were.
  [[nodiscard]] Result<std::size_t> remove_lasting(const std::string& name);

 private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    KeyIndex keys;
    std::uint64_t generation = 0;  // of the handles; 0: none yet
    Clock::time_point looked{};
    Clock::time_point searched{};  // start of a second in which
    int searches = 0;              // single keys were searched for
  };
  // An object that is of no use to anybody any more: its key has a tombstone.
  struct Dead {
    StoreName store;
    Bytes id;
    CK_OBJECT_HANDLE object = 0;
    bool failed = false;           // once, which the log says
    Clock::time_point not_before{};
  };
  // Whether we may use the token's one-time keys: found out once a login.
  struct Ownership {
    std::uint64_t generation = 0;
    bool shared = true;
    Clock::time_point looked{};
    Status may_use;
  };

  // token_store_owner.cc
  [[nodiscard]] Status may_use();
  [[nodiscard]] Status look_shared();
  [[nodiscard]] Status look_exclusive();
  [[nodiscard]] Status mark(ByteView own);
  [[nodiscard]] Result<std::vector<OwnerMark>> marks();
  [[nodiscard]] Status remove_marks(ByteView own);
  [[nodiscard]] Status condemn_all();

  // token_store_dead.cc
  void condemn(const StoreName& store, ByteView id, CK_OBJECT_HANDLE object);
  void forget_dead(std::uint64_t generation);
  [[nodiscard]] Burial bury(Dead dead);

  [[nodiscard]] Status scan(const StoreName& store, Known& known);
  [[nodiscard]] Status read_ids(const StoreName& store, Known& known, const std::vector<CK_OBJECT_HANDLE>& fresh);
  [[nodiscard]] static Called<std::optional<Secret>> secret_of(const Session& session, CK_OBJECT_HANDLE object,
                                                               ByteView id, const Derivation& derivation);
  [[nodiscard]] Called<KeyIndex::Handles> handles_now(const Session& session, std::uint64_t generation,
                                                      const StoreName& store, ByteView id);

  std::shared_ptr<Token> token_;
  LedgerFile& ledger_;
  OwnerFile& owner_;
  Signer signer_;
  Ownership ownership_;
  std::deque<Dead> dead_;
  std::set<CK_OBJECT_HANDLE> dead_objects_;  // those of dead_
  bool unread_ = false;                      // the token was opened anew: its dead are to be found again
  bool leaving_ = false;                     // our mark goes when the dead are gone: others may use the token then
  std::map<StoreName, Known> known_;
  std::map<std::string, std::pair<std::uint64_t, CK_OBJECT_HANDLE>> lasting_handles_;  // generation and handle
};

[[nodiscard]] KeyLabel lasting_label(const std::string& name);

}  // namespace tlspool::keeper
