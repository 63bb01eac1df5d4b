// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "trust/anchors.h"
#include "trust/chain.h"
#include "wire/judge.h"

namespace tlspool::judge {

/// What a question says, read once. Every check that is under way shares it.
struct Subject {
  wire::ChainQuery query;
  std::optional<trust::Presented> presented;  ///< none: a shared key proves the peer, or it shows nothing
  std::string identity;                       ///< whom it is about: what was expected, or the leaf's first name; may be empty
  std::time_t now = 0;
  std::shared_ptr<const trust::Anchors> anchors;

  [[nodiscard]] X509* leaf() const { return presented ? presented->leaf() : nullptr; }
};
using SubjectPtr = std::shared_ptr<const Subject>;

}  // namespace tlspool::judge
