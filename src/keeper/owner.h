// SPDX-License-Identifier: Apache-2.0
// To whom a token belongs whose one-time keys one pool has alone: an object in the token says it.
#pragma once
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "keeper/key_objects.h"

namespace tlspool::keeper {

/// The 16 random bytes that stand for this pool, in a file of the keeper's directory. For any thread.
class OwnerFile {
 public:
  explicit OwnerFile(std::string path) : path_(std::move(path)) {}
  /// Empty where the file was never made.
  [[nodiscard]] Result<Bytes> value();
  /// Makes the file where there is none; it is on disk afterwards.
  [[nodiscard]] Result<Bytes> make();

 private:
  [[nodiscard]] Result<Bytes> value_locked();
  const std::string path_;
  std::mutex lock_;
  Bytes known_;
};

/// One mark in a token.
struct OwnerMark {
  CK_OBJECT_HANDLE object = 0;
  Bytes value;
};
[[nodiscard]] Called<std::vector<OwnerMark>> find_owner_marks(const Session& session);
[[nodiscard]] Called<void> make_owner_mark(const Session& session, ByteView value);

}  // namespace tlspool::keeper
