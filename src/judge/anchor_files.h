// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "trust/anchors.h"
#include "wire/ipc.h"

namespace tlspool::judge {

struct ReadAnchors {
  trust::Anchors anchors;
  std::vector<std::string> problems;  ///< every file that could not be used, with its reason
};
/// A file that can't be used is left out and named in `problems`; the others count.
[[nodiscard]] ReadAnchors read_anchors(const wire::JudgeSetup& setup);

/// The whole of a regular file of at most 16 MiB.
[[nodiscard]] Result<std::string> read_anchor_file(const std::string& path);

/// What the sandbox must leave readable so that a reload finds the files again, also those that were replaced
/// by renaming. Landlock opens directories with all that is below; so a directory is named only where it holds
/// no directories of its own, else the file alone.
[[nodiscard]] std::vector<std::string> readable_paths(const wire::JudgeSetup& setup);

}  // namespace tlspool::judge
