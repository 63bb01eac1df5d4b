// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "judge/source.h"

namespace tlspool::judge {

/// Who answers which check.
class Sources {
 public:
  void add(std::unique_ptr<Source> source, std::initializer_list<trust::CheckKind> kinds);
  /// Answers what the Subject alone can tell, else asks the check's source. No source: no answer.
  [[nodiscard]] std::variant<CheckAnswer, Source::Cancel> ask(const SubjectPtr& subject, const trust::Check& check, Source::OnAnswer on_answer);
  /// Tells every source that the peer was let in.
  void accepted(const SubjectPtr& subject);

 private:
  std::vector<std::unique_ptr<Source>> sources_;
  std::map<trust::CheckKind, Source*> by_kind_;
};

}  // namespace tlspool::judge
