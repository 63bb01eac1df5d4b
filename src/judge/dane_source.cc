// SPDX-License-Identifier: Apache-2.0
#include "judge/dane_source.h"

#include "base/text.h"
#include "trust/dane_lookup.h"

namespace tlspool::judge {
namespace {

using trust::Answer;
using trust::CheckKind;
using trust::DaneOutcome;

CheckAnswer absent(CheckKind check, std::string reason, std::int64_t valid_until) {
  return {check == CheckKind::dane_if_present ? Answer::yes : Answer::no, std::move(reason), valid_until, true};
}

CheckAnswer answer_of(CheckKind check, DaneOutcome outcome) {
  switch (outcome.kind) {
    case DaneOutcome::Kind::match: return {Answer::yes, std::move(outcome.reason), outcome.valid_until, false};
    case DaneOutcome::Kind::mismatch: return {Answer::no, std::move(outcome.reason), outcome.valid_until, false};
    case DaneOutcome::Kind::absent: return absent(check, std::move(outcome.reason), outcome.valid_until);
    case DaneOutcome::Kind::no_answer: return no_answer(std::move(outcome.reason));
  }
  return {};
}

/// No zone can have records for these: nobody needs to be asked.
bool has_no_records(const std::string& identity) { return is_ip_address(identity) || identity.find('@') != std::string::npos; }

trust::DaneQuery query_of(const Subject& subject) {
  trust::DaneQuery out;
  out.chain = subject.query.chain;
  out.anchors = subject.anchors.get();
  out.peer_is_server = subject.query.peer_is_server;
  out.any_usage = subject.query.any_usage;
  return out;
}

}  // namespace

std::variant<CheckAnswer, Source::Cancel> DaneSource::ask(const SubjectPtr& subject, const trust::Check& check, OnAnswer on_answer) {
  if (!subject->presented) return says_no("the peer showed no certificate");
  const wire::ChainQuery& q = subject->query;
  trust::DanePeer peer{q.peer_is_server, subject->identity, q.connection.port, q.service};
  if (std::string why = trust::DaneLookup::refuse(peer); !why.empty()) {
    return has_no_records(peer.name) ? absent(check.kind, std::move(why), 0) : no_answer(std::move(why));
  }
  if (trust::DaneLookup::needs_port(peer)) return no_answer("the server's port is not known, and its TLSA records go by it");
  const auto dns = dns_->dns();
  if (!dns) return no_answer("DNS can't be asked: " + dns.error().text());
  auto lookup = std::make_shared<std::unique_ptr<trust::DaneLookup>>();
  *lookup = std::make_unique<trust::DaneLookup>(
      **dns, std::move(peer), [subject, kind = check.kind, on_answer = std::move(on_answer)](const std::vector<trust::TlsaFound>& found) {
        on_answer(answer_of(kind, trust::judge_places(found, query_of(*subject), subject->now)));
      });
  return Cancel([lookup] { lookup->reset(); });
}

}  // namespace tlspool::judge
