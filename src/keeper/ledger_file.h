// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sharedkey/ledger.h"

namespace tlspool::keeper {

/// The ledger on disk (sharedkey::Ledger has its format). Opened when it is first needed, locked against a second keeper
/// over the same directory, and from then on only ever appended to. For any thread.
///
/// While it can't be used, no one-time key is given out: every call says why. What is wrong with a damaged file does not
/// heal; a lock that another keeper holds, or a full disk, may, so those are tried again.
class LedgerFile {
 public:
  explicit LedgerFile(std::string path);

  /// Opens the file where that is still to be done. The error names it and says what to do.
  [[nodiscard]] Status ready();
  /// Asks memory alone: never waits for the disk. True, too, while the ledger can't be used.
  [[nodiscard]] bool claimed(const sharedkey::Tombstone& tombstone) const;
  /// Writes all tombstones that are not there yet, and syncs once. Answers, for each, whether it is ours: false for one
  /// that was there before, or that stands twice in `tombstones`. After an error none of them is claimed for anybody.
  [[nodiscard]] Result<std::vector<bool>> claim(const std::vector<sharedkey::Tombstone>& tombstones);
  /// Another keeper goes on with the file: it is closed, which frees the lock, and not opened again.
  void leave();
  [[nodiscard]] std::size_t size() const;
  /// Counts keys of the store that were claimed; what there was before the keeper started is not counted.
  void note_claimed(const std::string& store);
  [[nodiscard]] std::size_t claimed_since_start(const std::string& store) const;

 private:
  [[nodiscard]] Status open_locked();
  [[nodiscard]] Status create();
  [[nodiscard]] Status take_up();
  [[nodiscard]] Status append(const Bytes& records);

  const std::string path_;
  std::mutex io_;  // the file: held while it is written and synced
  UniqueFd file_;
  std::size_t good_ = 0;  // bytes of the file that are whole records
  std::chrono::steady_clock::time_point last_try_{};
  Status problem_;
  bool tried_ = false;
  bool lasting_ = false;  // the problem stays until the keeper is started anew

  mutable std::mutex memory_;  // held for moments only
  sharedkey::Ledger ledger_;
  bool usable_ = false;
  std::map<std::string, std::size_t> claimed_of_;
};

}  // namespace tlspool::keeper
