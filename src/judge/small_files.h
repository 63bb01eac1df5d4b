// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tlspool::judge {

/// A regular file of at most `most` bytes.
[[nodiscard]] Result<Bytes> read_small_file(const std::string& path, std::size_t most);
/// Replaces the file as a whole, and makes its directory; a failure is logged: what is written here saves work, no more.
void write_small_file(const std::string& path, ByteView content);

}  // namespace tlspool::judge
