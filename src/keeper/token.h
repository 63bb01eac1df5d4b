// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/secret.h"
#include "keeper/gate.h"
#include "keeper/key_copy.h"
#include "keeper/rejected_pins.h"
#include "keeper/signature.h"
#include "wire/ipc.h"

namespace tlspool::keeper {

/// What one signing thread keeps between signatures.
struct Signer {
  Session session;
  std::uint64_t generation = 0;  ///< of the token's handles that `session` belongs to
};

/// One [[token]] of the configuration: logged in once, signed with by many threads, reopened when it fails.
/// sign() and finish() are for any thread, everything else for the main one.
class Token {
 public:
  using Clock = std::chrono::steady_clock;
  /// `changed` is called on any thread when the state changes outside the main thread's calls.
  Token(std::string name, std::string directory, Modules& modules, RejectedPins& rejected, std::function<void()> changed);

  /// A setup that selects the same token with the same PIN keeps it open; another one closes it first. Opens what is
  /// not open, except a token that failed: that waits for its time (reopen).
  [[nodiscard]] Status configure(const wire::TokenSetup& setup, std::vector<wire::KeySetup> keys);
  /// No longer in the configuration.
  [[nodiscard]] Status retire();
  /// Logs in with a PIN that an administrator entered. Tries it at most once, and not one that was rejected before.
  [[nodiscard]] Status enter_pin(Secret pin);
  /// Writes the PIN that an administrator entered, and a line end, to a socket that takes so much at once. Code::not_found: the PIN is not
  /// one that was entered.
  [[nodiscard]] Status give_typed_pin(int socket) const;
  /// Whether it is still there, where that is watched: one that is gone becomes a failed one.
  void look();
  /// Takes up what signing threads found out: remembers a PIN that a signature's own login rejected.
  void settle();

  /// Opens the token again after a failure. With the module's restart all its tokens are reopened: lock() them first.
  [[nodiscard]] Status lock();
  void unlock() { gate_.unlock(); }
  void open_again();
  /// It could not be locked: the next attempt is due later.
  void postpone() { last_open_ = Clock::now(); }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const wire::TokenSetup& setup() const { return setup_; }
  [[nodiscard]] bool configured() const { return configured_; }
  /// Its module is software: a signature waits for nothing. For any thread.
  [[nodiscard]] bool only_computes() const { return only_computes_.load(std::memory_order_relaxed); }
  [[nodiscard]] Module* module() const { return module_; }
  [[nodiscard]] wire::TokenState state() const { return state_.load(); }
  [[nodiscard]] Clock::time_point last_open() const { return last_open_; }
  [[nodiscard]] wire::TokenReport report() const;
  void add_key_reports(std::vector<wire::KeyReport>& out) const;

  /// Judges the request and signs it; logs either. The error is what the worker may tell.
  [[nodiscard]] Result<Bytes> sign(Signer& signer, const wire::SignRequest& request);
  /// Closes a thread's session.
  void finish(Signer& signer);
  /// What a thread does inside the token with its read-write session. `generation` says which login the handles of
  /// objects are of: those of another one mean nothing any more.
  using Act = std::function<tl::expected<void, CallFailure>(const Session& session, std::uint64_t generation)>;
  /// Lets `act` run while the token is open and stays so; for any thread. Nothing may be waited for in it but the
  /// token, and that only for moments: whoever wants to reopen the token waits. A failure that says that the token is
  /// broken makes it one to be reopened.
  [[nodiscard]] Status use(Signer& signer, const Act& act);

 private:
  struct Entry {
    wire::KeySetup setup;
    wire::KeyReport report;
    PrivateKey key;
    KeyCopy* copy = nullptr;  // of copies_, where the key is usable
  };
  void open();
  void close();
  [[nodiscard]] Status connect();
  [[nodiscard]] Status log_in();
  [[nodiscard]] Status log_in_with(const Secret& pin);
  void took(const Status& outcome);
  void read_keys();
  void drop_copies(const std::function<bool(const KeyCopy& copy)>& unwanted);
  [[nodiscard]] Status read_key(Entry& entry, std::span<const CK_OBJECT_HANDLE> copies) const;
  void broke(const CallFailure& failure);
  void set_problem(Error problem);
  [[nodiscard]] Error problem() const;
  [[nodiscard]] Status give_session(Signer& signer, SessionUse use);

  const std::string name_;
  const std::string directory_;
  const std::string subject_;
  Modules& modules_;
  RejectedPins& rejected_;
  const std::function<void()> changed_;
  wire::TokenSetup setup_;
  bool configured_ = false;
  Module* module_ = nullptr;

  Gate gate_;  // shared: inside the module to sign; exclusive: anything below changes
  std::uint64_t generation_ = 1;  // 0 is a signer without a session
  std::optional<Slot> slot_;
  Session session_;
  Secret pin_;            // kept for reopening and for keys that want it each time
  bool pin_typed_ = false;
  std::unordered_map<std::uint32_t, Entry> keys_;
  // By the original. Kept while the keys are read anew: SoftHSM2 2.6 frees an object of a session with its token only.
  std::map<CK_OBJECT_HANDLE, KeyCopy> copies_;

  std::atomic<wire::TokenState> state_{wire::TokenState::missing};
  std::atomic<bool> unplugged_{false};
  std::atomic<bool> only_computes_{false};
  std::atomic<bool> pin_refused_{false};
  mutable std::mutex problem_lock_;
  Error problem_;
  Clock::time_point last_open_{};
};

}  // namespace tlspool::keeper
