// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "judge/lists.h"
#include "judge/responders.h"
#include "judge/source.h"

namespace tlspool::judge {

/// What outlives a reload: lists and answers that are in memory.
struct RevocationMemory {
  RevocationMemory(Loop& loop, const std::string& state) : lists(loop, state), responders(loop) {}
  Lists lists;
  Responders responders;
};

/// Answers crl and crl-if-present (the leaf and every certificate between it and the anchor), ocsp and ocsp-if-known (the leaf; a
/// stapled response will do) and stapled. Whoever issued a certificate says what is revoked: where no path leads to an anchor, nobody
/// can say who that is, and there is no answer.
class RevocationSource : public Source {
 public:
  RevocationSource(std::shared_ptr<RevocationMemory> memory, const wire::RevocationSetup& setup);
  [[nodiscard]] std::variant<CheckAnswer, Cancel> ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) override;

 private:
  [[nodiscard]] std::variant<CheckAnswer, Cancel> ask_lists(const SubjectPtr& subject, bool if_present, OnAnswer on_answer);
  [[nodiscard]] std::variant<CheckAnswer, Cancel> ask_responder(const SubjectPtr& subject, bool if_known, OnAnswer on_answer);
  [[nodiscard]] CheckAnswer stapled(const Subject& subject) const;

  std::shared_ptr<RevocationMemory> memory_;
  std::shared_ptr<const wire::RevocationSetup> setup_;
};

}  // namespace tlspool::judge
