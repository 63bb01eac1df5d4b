// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <unordered_map>

#include "judge/pin_store.h"
#include "judge/source.h"
#include "wire/pin_setup.h"

namespace tlspool::judge {

/// `pin` and `pin-or-first-use`. A pin vouches for the identity that the question is about. Where nobody was expected, one for another of
/// the leaf's names does so too, if an authority vouches for all of them: who makes his own certificate may write any name into it.
class PinSource : public Source {
 public:
  PinSource(std::shared_ptr<PinStore> store, const wire::PinSetup& setup) : store_(std::move(store)), setup_(setup) {}

  [[nodiscard]] std::variant<CheckAnswer, Cancel> ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) override;
  /// Who was let in at its first use is remembered.
  void accepted(const SubjectPtr& subject) override;

 private:
  /// A peer that nothing is known of, while it is not certain whether it is let in.
  struct FirstUse {
    std::weak_ptr<const Subject> subject;
    Bytes key;
  };
  [[nodiscard]] CheckAnswer look(const Subject& subject, const std::string& identity, const trust::SeenLeaf& seen, trust::Pins::Says& says);
  [[nodiscard]] CheckAnswer first_use(const SubjectPtr& subject, const std::string& identity, const trust::SeenLeaf& seen);
  void forget_old();

  std::shared_ptr<PinStore> store_;
  wire::PinSetup setup_;
  std::unordered_map<std::string, FirstUse> seen_;  ///< by identity and service
  std::size_t forget_at_ = 0;
};

}  // namespace tlspool::judge
