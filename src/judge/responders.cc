// SPDX-License-Identifier: Apache-2.0
#include "judge/responders.h"

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "base/text.h"
#include "judge/moment.h"
#include "judge/shared_certificate.h"
#include "trust/crl.h"
#include "trust/revocation_facts.h"

namespace tlspool::judge {
namespace {

constexpr std::int64_t longest_memory = 60 * 60;  // seconds
constexpr std::int64_t memory_of_failure = 10;
constexpr std::size_t most_remembered = 16384;

Bytes key_of(const X509* certificate, const X509* issuer) {
  Bytes key = tls::spki_digest(issuer);
  append_sized(key, trust::serial_of(certificate));
  return key;
}

}  // namespace

std::vector<std::string> Responders::known_for(const X509* certificate, const X509* issuer, Named named) const {
  const std::string name = tls::subject_of(issuer);
  const wire::ResponderSetup* found = nullptr;
  for (const wire::ResponderSetup& responder : setup_.responders) {
    if (responder.issuer == name || (responder.issuer.empty() && found == nullptr)) found = &responder;
  }
  if (found != nullptr) return {found->url};
  return setup_.aia || named == Named::always ? trust::ocsp_urls(certificate) : std::vector<std::string>{};
}

trust::OcspRules Responders::rules() const {
  trust::OcspRules rules;
  rules.now = now();
  rules.oldest = setup_.answer_age;
  return rules;
}

void Responders::ask(X509* certificate, X509* issuer, const std::vector<std::string>& urls, Freshness freshness, OnHeard on_heard) {
  const Bytes key = key_of(certificate, issuer);
  const auto known = remembered_.find(key);
  if (known != remembered_.end() && now() < known->second.until && freshness == Freshness::any) return on_heard(known->second.heard);
  const auto [question, first] = asked_.try_emplace(key);
  question->second.waiting.push_back(std::move(on_heard));
  if (!first) return;
  question->second.certificate = shared(certificate);
  question->second.issuer = shared(issuer);
  question->second.urls = urls;
  ask_next(key);
}

void Responders::ask_next(const Bytes& key) {
  Question& question = asked_.at(key);
  if (question.next == question.urls.size()) {
    return settle(key, fail({Code::not_found, "", "", question.problems.empty() ? "nobody to ask" : question.problems, {}}));
  }
  const std::string url = question.urls[question.next++];
  auto request = trust::make_ocsp_request(question.certificate.get(), question.issuer.get(), setup_.nonce ? trust::Nonce::random : trust::Nonce::none);
  if (!request) return settle(key, fail(std::move(request.error())));
  HttpRequest http;
  http.url = url;
  http.body = std::move(request->der);
  http.headers = {"Content-Type: application/ocsp-request", "Accept: application/ocsp-response"};
  http.most_bytes = trust::max_ocsp_bytes;
  http.deadline = std::chrono::milliseconds{setup_.deadline_ms};
  (void)http_.send(std::move(http), [this, key, url, nonce = std::move(request->nonce)](Result<HttpReply> reply) {
    Question& q = asked_.at(key);
    const auto next = [&](const std::string& problem) {
      q.problems += (q.problems.empty() ? "" : "; ") + problem;
      ask_next(key);
    };
    if (!reply) return next(reply.error().text());
    if (reply->status != 200) return next(printable(url) + ": it answers with status " + std::to_string(reply->status));
    trust::OcspRules wanted = rules();
    wanted.nonce = nonce;
    auto answer = trust::read_ocsp_response(reply->body, q.certificate.get(), q.issuer.get(), wanted);
    if (!answer) return next(printable(url) + ": " + answer.error().text());
    settle(key, Heard{*answer, std::move(reply->body)});
  });
}

void Responders::settle(const Bytes& key, Result<Heard> heard) {
  auto question = asked_.extract(key);
  if (!heard) log::warning("revocation.no_answer", {{"certificate", tls::subject_of(question.mapped().certificate.get())}, {"problem", heard.error().reason}});
  if (remembered_.size() >= most_remembered) std::erase_if(remembered_, [](const auto& m) { return m.second.until <= now(); });
  if (remembered_.size() >= most_remembered) remembered_.clear();
  const std::int64_t until = heard ? std::min(heard->answer.next_update, now() + longest_memory) : now() + memory_of_failure;
  remembered_.insert_or_assign(key, Memory{heard, until});
  for (const OnHeard& on_heard : question.mapped().waiting) on_heard(heard);
}

}  // namespace tlspool::judge
