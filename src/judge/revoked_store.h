// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "judge/state_file.h"
#include "trust/revoked.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// Peers that `tlspool revoke` named, in memory and in the file `revoked` of the judge's directory. Where that can't be read, nobody
/// knows who is revoked, and so every peer is.
class RevokedStore {
 public:
  explicit RevokedStore(const std::string& directory);

  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// Reads the file if it could not be read before.
  void read_again();
  /// From now on another judge writes the file.
  void leave() { left_ = true; }
  /// The end of that, or a file that the other one has left: reads it.
  void take();
  [[nodiscard]] const trust::Revoked& list() const { return list_; }

  /// Of all that is revoked, and of nothing else where that is not known; empty: nobody is.
  [[nodiscard]] Bytes digest() const { return problem_.empty() ? list_.digest() : Bytes{0}; }

  /// The change is on the disk when these return, or is undone. False: there was nothing to change.
  [[nodiscard]] Result<bool> add(const wire::RevokedRow& row);
  [[nodiscard]] Result<bool> remove(const wire::RevokedRow& row);

  /// Whether anybody could be refused: else nobody need look at what a peer shows.
  [[nodiscard]] bool idle() const { return problem_.empty() && list_.empty(); }
  /// The refusal of a peer that is revoked.
  [[nodiscard]] std::optional<wire::ChainVerdict> refuse(const trust::PeerFacts& peer) const;

 private:
  void read();
  [[nodiscard]] Result<bool> keep(trust::Revoked changed);

  StateFile file_;
  trust::Revoked list_;
  std::string problem_;
  bool left_ = false;
};

}  // namespace tlspool::judge
