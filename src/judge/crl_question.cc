// SPDX-License-Identifier: Apache-2.0
#include "judge/crl_question.h"

#include <algorithm>

#include "trust/revocation_facts.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using trust::Crl;

void add(std::string& problems, const std::string& problem) { problems += (problems.empty() ? "" : "; ") + problem; }

}  // namespace

std::optional<CheckAnswer> CrlQuestion::start(Source::OnAnswer on_answer) {
  auto answer = conclude();
  if (!answer) on_answer_ = std::move(on_answer);
  return answer;
}

// A list has come, or its signature is known.
void CrlQuestion::look() {
  if (!on_answer_) return;  // start() is still looking, or the answer is given
  auto answer = conclude();
  if (!answer) return;
  const auto on_answer = std::exchange(on_answer_, nullptr);
  on_answer(*answer);
}

std::optional<CheckAnswer> CrlQuestion::conclude() {
  const auto& path = subject_->presented->path->certificates;
  CheckAnswer out{Answer::yes, "", 0};
  bool waits = false;
  std::string open;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    Finding finding = look_at(path[i].get(), path[i + 1].get());
    const std::string about = tls::subject_of(path[i].get());
    switch (finding.state) {
      case Finding::State::revoked: return says_no(about + " is revoked: " + finding.reason);
      case Finding::State::waits: waits = true; break;
      case Finding::State::open: add(open, about + ": " + finding.reason); break;
      case Finding::State::unnamed:
        if (absence_ == Absence::no_answer) add(open, about + ": no list is named for it; see [revocation]");
        break;
      case Finding::State::good:
        if (out.valid_until == 0 || finding.valid_until < out.valid_until) out.valid_until = finding.valid_until;
        break;
    }
  }
  if (waits) return std::nullopt;
  if (!open.empty()) return no_answer(std::move(open));
  if (out.valid_until == 0) out.reason = "no list is named for it";
  return out;
}

CrlQuestion::Finding CrlQuestion::look_at(X509* certificate, X509* issuer) {
  bool named = false;
  const Choice whole = whole_list(certificate, issuer, named);
  if (whole.waits) return {Finding::State::waits, "", 0};
  if (!whole.list) return named ? Finding{Finding::State::open, whole.problems, 0} : Finding{Finding::State::unnamed, "", 0};
  bool wanted = false;
  const Choice delta = delta_list(certificate, issuer, whole.list, wanted);
  if (delta.waits) return {Finding::State::waits, "", 0};
  if (wanted && !delta.list && !delta.superseded) return {Finding::State::open, "its delta list: " + delta.problems, 0};
  const Bytes serial = trust::serial_of(certificate);
  std::int64_t valid_until = whole.list->crl().next_update();
  const auto on_list = [](const ListPtr& list) { return "it stands on " + list->crl().subject(); };
  if (delta.list) {
    valid_until = std::min(valid_until, delta.list->crl().next_update());
    const Crl::Entry entry = delta.list->crl().find(serial);
    if (entry == Crl::Entry::revoked) return {Finding::State::revoked, on_list(delta.list), 0};
    if (entry == Crl::Entry::removed) return {Finding::State::good, "", valid_until};
  }
  if (whole.list->crl().find(serial) != Crl::Entry::none) return {Finding::State::revoked, on_list(whole.list), 0};
  return {Finding::State::good, "", valid_until};
}

const Lists::Found* CrlQuestion::get(const std::string& from, bool is_file) {
  const auto [got, first] = got_.try_emplace(from);
  if (first) {
    const auto on_found = [weak = weak_from_this(), from](const Lists::Found& found) {
      if (const auto self = weak.lock()) {
        self->got_[from] = found;
        if (!self->looking_) self->look();
      }
    };
    const bool outer = std::exchange(looking_, true);  // it may be called at once
    if (is_file) {
      lists_.want_file(from, on_found);
    } else {
      lists_.want(from, on_found);
    }
    looking_ = outer;
  }
  const auto& found = got_[from];
  return found ? &*found : nullptr;
}

bool CrlQuestion::consider(const Lists::Found& found, Kind kind, X509* certificate, X509* issuer, const ListPtr& whole, Choice& choice) {
  if (!found) {
    add(choice.problems, found.error().reason);
    return false;
  }
  bool issuers = false;
  for (const ListPtr& list : *found) {
    const Crl& crl = list->crl();
    if (crl.delta() != (kind == Kind::delta) || !crl.issued_by(issuer)) continue;
    issuers = true;
    std::string problem = crl.not_for(certificate);
    if (problem.empty()) problem = crl.out_of_date(subject_->now);
    if (!problem.empty()) {
      add(choice.problems, crl.subject() + ": " + problem);
      continue;
    }
    const auto on_known = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look();
    };
    switch (lists_.standing(list, issuer, problem, on_known)) {
      case KeptList::Standing::waits: choice.waits = true; break;
      case KeptList::Standing::refused: add(choice.problems, problem); break;
      case KeptList::Standing::good:
        problem = whole ? crl.does_not_continue(whole->crl()) : "";
        choice.superseded = choice.superseded || (whole && crl.superseded_by(whole->crl()));
        if (!problem.empty()) {
          add(choice.problems, crl.subject() + ": " + problem);
        } else if (!choice.list || choice.list->crl().this_update() < crl.this_update()) {
          choice.list = list;
        }
        break;
    }
  }
  return issuers;
}

CrlQuestion::Choice CrlQuestion::whole_list(X509* certificate, X509* issuer, bool& named) {
  Choice choice;
  const auto look_in = [&](const std::string& from, bool is_file) {
    const Lists::Found* found = get(from, is_file);
    if (found == nullptr) {
      choice.waits = true;
      return;
    }
    // What can't be had might have been the issuer's.
    if (consider(*found, Kind::whole, certificate, issuer, nullptr, choice) || !*found) named = true;
  };
  for (const std::string& file : setup_->crl_files) look_in(file, true);
  for (const std::string& url : setup_->crl_urls) look_in(url, false);
  if (setup_->distribution_points) {
    for (const std::string& url : trust::crl_urls(certificate)) {
      named = true;
      look_in(url, false);
      if (choice.list) break;  // they all have the same list
    }
  }
  if (choice.problems.empty()) choice.problems = "no list is of its issuer";
  return choice;
}

CrlQuestion::Choice CrlQuestion::delta_list(X509* certificate, X509* issuer, const ListPtr& whole, bool& wanted) {
  Choice choice;
  const auto look_in = [&](const std::string& from, bool is_file, bool is_this_issuers) {
    const Lists::Found* found = get(from, is_file);
    if (found == nullptr) {
      choice.waits = true;
      return;
    }
    if (consider(*found, Kind::delta, certificate, issuer, whole, choice) || (!*found && !is_file) || is_this_issuers) wanted = true;
  };
  for (const std::string& file : setup_->crl_files) look_in(file, true, false);
  for (const std::string& url : setup_->delta_urls) look_in(url, false, false);
  if (setup_->distribution_points) {
    std::vector<std::string> urls = trust::delta_urls(certificate);
    for (const std::string& url : whole->crl().deltas()) urls.push_back(url);
    for (const std::string& url : urls) {
      look_in(url, false, true);
      if (choice.list) break;
    }
  }
  return choice;
}

}  // namespace tlspool::judge
