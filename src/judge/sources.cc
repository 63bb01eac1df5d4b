// SPDX-License-Identifier: Apache-2.0
#include "judge/sources.h"

#include "judge/local_checks.h"

namespace tlspool::judge {

void Sources::add(std::unique_ptr<Source> source, std::initializer_list<trust::CheckKind> kinds) {
  for (const trust::CheckKind kind : kinds) by_kind_[kind] = source.get();
  sources_.push_back(std::move(source));
}

std::variant<CheckAnswer, Source::Cancel> Sources::ask(const SubjectPtr& subject, const trust::Check& check, Source::OnAnswer on_answer) {
  if (auto answer = check_locally(*subject, check)) return *std::move(answer);
  const auto found = by_kind_.find(check.kind);
  if (found != by_kind_.end()) return found->second->ask(subject, check, std::move(on_answer));
  return no_answer("this pool has no way to find out");
}

void Sources::accepted(const SubjectPtr& subject) {
  for (const auto& source : sources_) source->accepted(subject);
}

}  // namespace tlspool::judge
