// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "keeper/fetcher_link.h"
#include "keeper/key_levels.h"
#include "keeper/key_thread.h"
#include "keeper/kme_keys.h"
#include "keeper/leases.h"
#include "keeper/phantoms.h"
#include "loop/channel.h"
#include "loop/mailbox.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

class KeyAdmin;

/// Shared keys for workers and administrators: who may have which key, and that each is used once. Decides on the loop;
/// what asks a token or syncs a file is done by key threads.
class SharedKeys {
 public:
  using FindToken = std::function<std::shared_ptr<Token>(const std::string& name)>;
  SharedKeys(Loop& loop, FindToken find_token);
  ~SharedKeys();
  SharedKeys(const SharedKeys&) = delete;
  SharedKeys& operator=(const SharedKeys&) = delete;

  /// `tokens`: names, as in the configuration; the first is where keys go for which none is named.
  void apply(std::vector<wire::PeerSetup> peers, std::vector<std::string> tokens);
  /// Ends the threads: afterwards no token is used any more.
  void stop() { threads_.clear(); }
  void serve_worker(UniqueFd socket);
  void serve_admin(UniqueFd socket);
  void reach_fetcher(UniqueFd socket) { fetcher_.connect(std::move(socket)); }

  // For KeyAdmin.
  [[nodiscard]] Peer peer(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, Peer>& peers() const { return peers_; }
  [[nodiscard]] const std::vector<std::string>& tokens() const { return tokens_; }
  /// The thread of a token, or of none for an empty name; null where the configuration has no such token.
  [[nodiscard]] KeyThread* thread(const std::string& token);
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  [[nodiscard]] LedgerFile& ledger() { return ledger_; }
  [[nodiscard]] const Leases& leases() const { return leases_; }
  [[nodiscard]] bool has_fetcher() const { return fetcher_.connected(); }
  /// Keys came into the store: who waits for one is served.
  void deposited(const std::string& store);
  /// The lasting key was added or removed.
  void lasting_changed() { phantoms_.forget(); }
  void note_level(const Peer& peer, sharedkey::Direction direction, std::size_t left) { levels_.note(*peer, direction, left); }
  void close_admin(std::uint64_t number);

 private:
  using Clock = std::chrono::steady_clock;
  /// Who asked, and for what.
  struct Ask {
    std::uint64_t channel = 0;
    std::uint64_t number = 0;
    wire::KeyRequest request;
    Peer peer;
    Clock::time_point until{};  // take with Exhausted::wait
  };
  using AskPtr = std::shared_ptr<Ask>;

  void took_frame(std::uint64_t channel, const Frame& frame);
  void closed(std::uint64_t channel);
  void request(AskPtr ask);
  void settle(std::uint64_t channel, std::uint64_t number, const wire::KeySettle& settle);
  /// False where the worker is gone: what was claimed for it is burned.
  bool answer(const Ask& ask, wire::KeyAnswer answer);
  void refuse(const Ask& ask, wire::KeyProblem problem, const Error& error);
  void settled(std::uint64_t channel, std::uint64_t number, const Status& outcome);

  // key_take.cc
  void take(const AskPtr& ask);
  void took(const AskPtr& ask, Claimed claimed);
  void took_lasting(const AskPtr& ask, Result<std::optional<Secret>> secret);
  void took_from_kme(const AskPtr& ask, tl::expected<KmeKeys::Key, KeyRefusal> key);
  void give(const Ask& ask, const Bytes& id, Secret secret, std::size_t left);
  void wait_or_refuse(const AskPtr& ask, Error error);
  void retry_waiting(const std::string& store);
  void plan_waiting();

  // key_lease.cc
  void lease(const AskPtr& ask);
  void lease_of_token(const AskPtr& ask);
  void lease_of_kme(const AskPtr& ask);
  void leased(const AskPtr& ask, Lease::Of of, const Bytes& id, Result<std::optional<Secret>> secret, std::size_t left);
  void seed_client(const AskPtr& ask);
  void seed_server(const AskPtr& ask);
  void seeded(const AskPtr& ask, const PhantomSession& session, std::uint64_t lease);
  void consume(Lease lease, std::uint64_t channel, std::uint64_t number);
  void ended_as_failed(const Lease& lease);
  void burn(const Lease& lease);
  void plan_leases();

  Loop& loop_;
  FindToken find_token_;
  Mailbox mailbox_;
  LedgerFile ledger_;
  OwnerFile owner_;
  std::map<std::string, Peer> peers_;
  std::vector<std::string> tokens_;
  Leases leases_;
  Failures failures_;
  KeyLevels levels_;
  FetcherLink fetcher_;
  KmeKeys kme_;
  Phantoms phantoms_;
  /// How many refusals of one worker were logged in this second.
  struct Refusals {
    Clock::time_point since{};
    unsigned count = 0;
  };
  [[nodiscard]] bool may_log(std::uint64_t channel);
  std::map<std::uint64_t, std::unique_ptr<Channel>> workers_;
  std::map<std::uint64_t, Refusals> refusals_;
  std::map<std::uint64_t, std::unique_ptr<KeyAdmin>> admins_;
  std::uint64_t last_channel_ = 0;
  std::vector<AskPtr> waiting_;
  Timer waiting_timer_;
  Clock::time_point next_look_{};
  Timer lease_timer_;
  std::map<std::string, std::unique_ptr<KeyThread>> threads_;  // last: joined before anything that they touch goes
};

/// "peer=b.example store=hsm.b.example key=5678", for errors.
[[nodiscard]] std::string subject_of(const wire::PeerSetup& peer, ByteView id);
/// The key's id for people.
[[nodiscard]] std::string key_text(const wire::PeerSetup& peer, ByteView id);
/// What the token is to make the PSK from; empty in plain mode.
[[nodiscard]] Derivation derivation_of(const Peer& peer, sharedkey::Direction direction, const Bytes& identity);
/// The identity that our side sends.
[[nodiscard]] Bytes identity_of(const wire::PeerSetup& peer, ByteView id);

}  // namespace tlspool::keeper
