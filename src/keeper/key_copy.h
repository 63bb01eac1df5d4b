// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>

#include "keeper/key.h"

namespace tlspool::keeper {

/// The same key once more, as an object of the keeper's session: in the module's memory, as well kept as there (it is as private, sensitive
/// and unextractable as the original). SoftHSM2 opens, locks and reads two files for each use of an object that lies in a token, a third of
/// what a P-256 signature takes. Other modules keep no files, and few copy private keys.
class KeyCopy {
 public:
  /// `generation`: of the token's login that `session` belongs to. Without effect where it would not help or the module won't.
  void make(const Session& session, const Slot& slot, const PrivateKey& key, std::uint64_t generation);
  /// Whether there is a copy whose original was still there when anybody last looked.
  [[nodiscard]] bool is_good(std::uint64_t generation) const { return there_ && generation_ == generation; }
  /// 0 where there is none.
  [[nodiscard]] CK_OBJECT_HANDLE object() const { return object_; }
  /// Destroys the copy, if one was made in this generation; it went with its session otherwise.
  void drop(const Session& session, std::uint64_t generation);
  /// What to sign with: the copy where there is one and the original was still in the token less than a second ago. For any thread.
  [[nodiscard]] CK_OBJECT_HANDLE handle(const Session& session, const PrivateKey& key);

 private:
  CK_OBJECT_HANDLE object_ = 0;
  std::uint64_t generation_ = 0;
  std::atomic<bool> there_{false};
  std::atomic<std::int64_t> looked_{0};  ///< steady clock, ms
};

}  // namespace tlspool::keeper
