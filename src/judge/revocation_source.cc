// SPDX-License-Identifier: Apache-2.0
#include "judge/revocation_source.h"

#include "judge/crl_question.h"
#include "trust/revocation_facts.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using trust::CheckKind;
using trust::OcspAnswer;

CheckAnswer answer_of(const OcspAnswer& heard, const char* who) {
  switch (heard.status) {
    case OcspAnswer::Status::good: return {Answer::yes, std::string(who) + " says that it is good", heard.next_update};
    case OcspAnswer::Status::revoked:
      return says_no(std::string(who) + " says that it is revoked" + (heard.reason.empty() ? "" : " (" + heard.reason + ")"));
    case OcspAnswer::Status::unknown: break;
  }
  return no_answer(std::string(who) + " does not know the certificate");
}

}  // namespace

RevocationSource::RevocationSource(std::shared_ptr<RevocationMemory> memory, const wire::RevocationSetup& setup)
    : memory_(std::move(memory)), setup_(std::make_shared<const wire::RevocationSetup>(setup)) {
  memory_->lists.set(setup);
  memory_->responders.set(setup);
  // Before the first peer comes; what is wrong with them is in the log then.
  const auto look = [](const Lists::Found&) {};
  for (const std::string& file : setup_->crl_files) memory_->lists.want_file(file, look);
  for (const std::string& url : setup_->crl_urls) memory_->lists.want(url, look);
  for (const std::string& url : setup_->delta_urls) memory_->lists.want(url, look);
}

std::variant<CheckAnswer, Source::Cancel> RevocationSource::ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) {
  if (!subject->presented) return says_no("the peer showed no certificate");
  if (!subject->presented->path) return no_answer("no path leads to a trust anchor, so nobody can say who may revoke it");
  const bool may_be_absent = check.kind == CheckKind::crl_if_present || check.kind == CheckKind::ocsp_if_known;
  if (subject->presented->path->certificates.size() < 2 && check.kind != CheckKind::stapled) {
    if (may_be_absent) return says_yes("it is a trust anchor itself");
    return no_answer("it is a trust anchor itself, which nobody revokes");
  }
  if (check.kind == CheckKind::stapled) return stapled(*subject);
  if (check.kind == CheckKind::crl || check.kind == CheckKind::crl_if_present) return ask_lists(subject, may_be_absent, std::move(on_answer));
  return ask_responder(subject, may_be_absent, std::move(on_answer));
}

std::variant<CheckAnswer, Source::Cancel> RevocationSource::ask_lists(const SubjectPtr& subject, bool if_present, OnAnswer on_answer) {
  const auto absence = if_present ? CrlQuestion::Absence::good : CrlQuestion::Absence::no_answer;
  auto question = std::make_shared<CrlQuestion>(memory_->lists, setup_, subject, absence);
  if (auto answer = question->start(std::move(on_answer))) return *std::move(answer);
  return Cancel([question]() mutable { question.reset(); });
}

CheckAnswer RevocationSource::stapled(const Subject& subject) const {
  const auto& path = subject.presented->path->certificates;
  if (!subject.query.connection.known) return no_answer("there is no connection");
  if (!subject.query.peer_is_server) return says_no("clients staple nothing");
  if (subject.query.connection.stapled.empty()) return says_no("the server stapled no OCSP response");
  if (path.size() < 2) return no_answer("it is a trust anchor itself, which nobody revokes");
  const auto heard = trust::read_ocsp_response(subject.query.connection.stapled, path[0].get(), path[1].get(), memory_->responders.rules());
  if (!heard) return says_no("what the server stapled proves nothing: " + heard.error().reason);
  CheckAnswer answer = answer_of(*heard, "the stapled response");
  if (answer.answer == Answer::unknown) answer.answer = Answer::no;
  return answer;
}

std::variant<CheckAnswer, Source::Cancel> RevocationSource::ask_responder(const SubjectPtr& subject, bool if_known, OnAnswer on_answer) {
  const auto& path = subject->presented->path->certificates;
  const wire::ChainQuery& query = subject->query;
  if (query.peer_is_server && !query.connection.stapled.empty() && !query.fresh) {
    const auto heard = trust::read_ocsp_response(query.connection.stapled, path[0].get(), path[1].get(), memory_->responders.rules());
    if (heard && heard->status != OcspAnswer::Status::unknown) return answer_of(*heard, "the stapled response");
  }
  const std::vector<std::string> urls = memory_->responders.known_for(path[0].get(), path[1].get(), Responders::Named::as_configured);
  if (urls.empty()) {
    if (if_known) return says_yes("no responder is known for it");
    return no_answer("no responder is known for it; see [revocation]");
  }
  // Called at once or later; cancelled where nobody holds it any more.
  struct Waiting {
    OnAnswer on_answer;
    std::optional<CheckAnswer> at_once;
  };
  auto waiting = std::make_shared<Waiting>();
  const auto on_heard = [weak = std::weak_ptr(waiting)](const Result<Responders::Heard>& heard) {
    const auto w = weak.lock();
    if (!w) return;
    CheckAnswer answer = heard ? answer_of(heard->answer, "the responder") : no_answer(heard.error().reason);
    if (w->on_answer) {
      const OnAnswer call = std::exchange(w->on_answer, nullptr);
      call(std::move(answer));
    } else {
      w->at_once = std::move(answer);
    }
  };
  memory_->responders.ask(path[0].get(), path[1].get(), urls, query.fresh ? Responders::Freshness::new_one : Responders::Freshness::any, on_heard);
  if (waiting->at_once) return *std::move(waiting->at_once);
  waiting->on_answer = std::move(on_answer);
  return Cancel([waiting]() mutable { waiting.reset(); });
}

}  // namespace tlspool::judge
