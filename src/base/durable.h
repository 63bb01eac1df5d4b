// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool {

/// Makes what was created, renamed or removed in the directory of `path` last over a crash.
[[nodiscard]] Status sync_directory_of(const std::string& path);

/// What a crash of the machine leaves of a file that was just replaced.
enum class AfterCrash {
  old_or_new,  ///< synced to the disk
  anything,    ///< it saves work, no more
};
/// Replaces the file (0600) as a whole, by way of a new one beside it. Code::io with the system's reason.
[[nodiscard]] Status replace_file(const std::string& path, ByteView content, AfterCrash after = AfterCrash::old_or_new);
/// Makes the file, synced to the disk; fails where there is one. What could not be written whole is removed.
[[nodiscard]] Status write_new(const std::string& path, ByteView content, mode_t mode);
/// Everything in the file. Code::io with the system's reason; a missing file is empty.
[[nodiscard]] Result<Bytes> read_whole(const std::string& path);

}  // namespace tlspool
