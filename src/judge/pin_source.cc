// SPDX-License-Identifier: Apache-2.0
#include "judge/pin_source.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using Says = trust::Pins::Says;

constexpr std::int64_t a_day = 24 * 60 * 60;
constexpr std::size_t few = 1024;

std::string place_of(const std::string& identity, const Subject& s) { return identity + '\n' + s.query.service; }

std::string words_for(const wire::PinRow& pin) {
  const std::string what = pin.of == wire::PinOf::key ? "the key" : "the certificate";
  return what + (pin.origin == wire::PinOrigin::first_use ? " that was seen at first use" : " that is pinned") + " for " + printable(pin.identity);
}

}  // namespace

CheckAnswer PinSource::look(const Subject& s, const std::string& identity, const trust::SeenLeaf& seen, Says& says) {
  const trust::Pins& pins = store_->pins();
  if (!s.query.pin.empty() && s.query.pin == seen.key) {
    says = Says::yes;
    return says_yes("the key that the request names");
  }
  const trust::Pins::Answer own = pins.look(identity, s.query.service, seen, s.now);
  says = own.says;
  if (own.says == Says::yes) return {Answer::yes, words_for(*own.pin), own.pin->expires};
  if (own.says == Says::no) {
    CheckAnswer no{Answer::no, "its key is not " + words_for(*own.pin) + "; if it has a new one, and you know so from elsewhere: `tlspool pin-peer add " +
                                   printable(identity) + " --spki " + hex(seen.key) + "`", 0};
    if (s.query.connection.known) store_->changed(identity, s.query.service, *own.pin, seen.key, s.now);
    return no;
  }
  if (!s.query.pin.empty()) {
    says = Says::no;
    return says_no("its key is not the one that the request names");
  }
  const bool vouched = s.presented->path.has_value();
  for (const std::string& name : s.query.expected.empty() ? s.presented->names : std::vector<std::string>{}) {
    const auto normal = trust::pin_identity(name);
    if (!normal || *normal == identity) continue;
    const trust::Pins::Answer other = pins.look(*normal, s.query.service, seen, s.now);
    if (other.says == Says::yes && vouched) {
      says = Says::yes;
      return {Answer::yes, words_for(*other.pin), other.pin->expires};
    }
    if (other.says == Says::no) {
      says = Says::no;
      return says_no("it also calls itself " + printable(*normal) + ", and its key is not " + words_for(*other.pin));
    }
  }
  return no_answer("nothing is pinned for " + printable(identity));
}

CheckAnswer PinSource::first_use(const SubjectPtr& subject, const std::string& identity, const trust::SeenLeaf& seen) {
  const Subject& s = *subject;
  if (store_->pins().size() >= PinStore::most_remembered) {
    return no_answer("there are " + std::to_string(store_->pins().size()) + " pins, and no more are made at first use");
  }
  forget_old();
  FirstUse& use = seen_[place_of(identity, s)];
  if (const auto other = use.subject.lock(); other && other != subject && use.key != seen.key) {
    return says_no("another one with another key is just being seen for the first time");
  }
  use = {subject, seen.key};
  const std::int64_t end = setup_.first_use_days == 0 ? 0 : s.now + setup_.first_use_days * a_day;
  return {Answer::yes, printable(identity) + " was never seen before, and its key is remembered", end};
}

std::variant<CheckAnswer, Source::Cancel> PinSource::ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer) {
  const Subject& s = *subject;
  if (!store_->problem().empty()) return no_answer("nobody knows what is pinned: " + store_->problem());
  if (!s.presented) return says_no("the peer showed no certificate");
  if (s.identity.empty()) return no_answer("the peer shows no name to look a pin up by");
  const auto identity = trust::pin_identity(s.identity);
  if (!identity) return no_answer(printable(s.identity) + " is no name that can be pinned");
  const trust::SeenLeaf seen = trust::seen_leaf(s.leaf());
  if (seen.key.empty() || seen.certificate.empty()) return no_answer("its certificate has no key");
  Says says = Says::nothing;
  CheckAnswer answer = look(s, *identity, seen, says);
  if (says != Says::nothing || check.kind != trust::CheckKind::pin_or_first_use) return answer;
  return first_use(subject, *identity, seen);
}

void PinSource::accepted(const SubjectPtr& subject) {
  const Subject& s = *subject;
  if (!s.query.connection.known) return;  // nobody has shown this: an administrator wants it explained
  const auto identity = trust::pin_identity(s.identity);
  const auto use = identity ? seen_.find(place_of(*identity, s)) : seen_.end();
  if (use == seen_.end() || use->second.subject.lock() != subject) return;
  const Bytes key = std::move(use->second.key);
  seen_.erase(use);
  // An administrator may have pinned something meanwhile: that is never overwritten.
  if (!store_->problem().empty() || store_->pins().look(*identity, s.query.service, {key, {}}, s.now).says != Says::nothing) return;
  const std::int64_t end = setup_.first_use_days == 0 ? 0 : s.now + setup_.first_use_days * a_day;
  store_->remember({*identity, s.query.service, wire::PinOf::key, key, wire::PinOrigin::first_use, s.now, end});
}

// Those whose questions ended otherwise.
void PinSource::forget_old() {
  if (seen_.size() < forget_at_) return;
  std::erase_if(seen_, [](const auto& entry) { return entry.second.subject.expired(); });
  forget_at_ = std::max(few, 2 * seen_.size());
}

}  // namespace tlspool::judge
