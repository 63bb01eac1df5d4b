// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "judge/dns_service.h"
#include "judge/source.h"

namespace tlspool::judge {

/// Answers `dane` and `dane-if-present`. The first says yes where a validated TLSA record holds for the peer's certificates, the
/// second also where it is proved that there is none. Neither has an answer where DNS has none: bogus, too late, failed.
class DaneSource : public Source {
 public:
  explicit DaneSource(std::shared_ptr<DnsService> dns) : dns_(std::move(dns)) {}
  [[nodiscard]] std::variant<CheckAnswer, Cancel> ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) override;

 private:
  std::shared_ptr<DnsService> dns_;
};

}  // namespace tlspool::judge
