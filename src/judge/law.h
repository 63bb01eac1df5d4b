// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "authz/ruleset.h"
#include "judge/hooks.h"
#include "judge/revoked_store.h"
#include "judge/sources.h"
#include "trust/anchors.h"
#include "trust/policies.h"

namespace tlspool::judge {

/// By what questions are judged; a reload makes another one, and questions under way keep theirs.
struct Law {
  std::shared_ptr<const trust::Anchors> anchors;
  std::shared_ptr<const trust::Policies> policies;
  std::shared_ptr<Sources> sources;
  std::shared_ptr<const RevokedStore> revoked;
  std::shared_ptr<const authz::Ruleset> rules;
  std::shared_ptr<Hooks> hooks;
};

}  // namespace tlspool::judge
