// SPDX-License-Identifier: Apache-2.0
#include "judge/own_staples.h"

#include <openssl/err.h>

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "base/text.h"
#include "judge/moment.h"
#include "judge/small_files.h"
#include "tls/openssl.h"
#include "trust/path.h"
#include "trust/revocation_facts.h"

namespace tlspool::judge {
namespace {

constexpr std::chrono::seconds first_pause{60};
constexpr std::chrono::seconds longest_pause{3600};
// A clock that jumps must not silence the renewal for days.
constexpr std::chrono::seconds longest_wait{24 * 3600};

std::shared_ptr<X509> shared(tls::Certificate certificate) { return {certificate.release(), X509_free}; }

}  // namespace

void OwnStaples::set(bool wanted, std::shared_ptr<const trust::Anchors> anchors) {
  wanted_ = wanted;
  anchors_ = std::move(anchors);
  set(wire::OwnCertificates(own_));
}

void OwnStaples::set(const wire::OwnCertificates& own) {
  own_ = own;
  std::map<Bytes, const wire::OwnCertificate*> named;
  for (const wire::OwnCertificate& certificate : own_.certificates) {
    if (!wanted_ || certificate.chain.empty()) continue;
    named.emplace(tls::sha256(certificate.chain.front()), &certificate);
  }
  for (auto i = entries_.begin(); i != entries_.end();) {
    if (named.contains(i->first)) {
      ++i;
      continue;
    }
    if (i->second.valid_until != 0) on_staple_({i->first, {}, 0});
    i = entries_.erase(i);
  }
  for (const auto& [digest, certificate] : named) {
    const auto known = entries_.find(digest);
    // The configuration may name another responder now: a failure is no reason to wait.
    if (known == entries_.end() || known->second.valid_until == 0) begin(digest, *certificate);
  }
}

void OwnStaples::begin(const Bytes& digest, const wire::OwnCertificate& own) {
  auto leaf = tls::certificate_from_der(own.chain.front());
  if (!leaf) return;
  Entry& entry = entries_[digest];
  entry = {};
  entry.identity = own.identity;
  entry.leaf = shared(std::move(*leaf));
  entry.issuer = issuer_of(entry.leaf.get(), own);
  entry.must = trust::must_staple(entry.leaf.get());
  entry.timer = std::make_unique<Timer>(loop_);
  if (!entry.issuer || responders_.known_for(entry.leaf.get(), entry.issuer.get(), Responders::Named::always).empty()) {
    if (entry.must) {
      failed(digest, entry, entry.issuer ? "nobody is known to ask; see responder in [revocation]" : "its chain lacks the issuer's certificate");
    }
    return;
  }
  if (auto kept = state_.empty() ? Result<Bytes>(Bytes()) : read_small_file(place_of(digest), trust::max_ocsp_bytes); kept && !kept->empty()) {
    const auto answer = trust::read_ocsp_response(*kept, entry.leaf.get(), entry.issuer.get(), responders_.rules());
    if (answer && answer->status == trust::OcspAnswer::Status::good) return use(digest, entry, *answer, *kept);
  }
  ask(digest);
}

std::shared_ptr<X509> OwnStaples::issuer_of(X509* leaf, const wire::OwnCertificate& own) const {
  // Our own chain: what the configuration names is believed as far as its signatures go.
  for (std::size_t i = 1; i < own.chain.size(); ++i) {
    auto issuer = tls::certificate_from_der(own.chain[i]);
    if (issuer && X509_check_issued(issuer->get(), leaf) == X509_V_OK && X509_verify(leaf, X509_get0_pubkey(issuer->get())) == 1) {
      return shared(std::move(*issuer));
    }
    ERR_clear_error();
  }
  if (!anchors_) return nullptr;
  trust::PathRules rules;
  rules.any_usage = true;
  rules.anchor_is_any = true;
  rules.now = std::time(nullptr);
  auto path = trust::find_path(anchors_->store(), leaf, {}, rules);
  return path && path->certificates.size() > 1 ? shared(std::move(path->certificates[1])) : nullptr;
}

void OwnStaples::ask(const Bytes& digest) {
  const Entry& entry = entries_.at(digest);
  const auto urls = responders_.known_for(entry.leaf.get(), entry.issuer.get(), Responders::Named::always);
  responders_.ask(entry.leaf.get(), entry.issuer.get(), urls, Responders::Freshness::new_one,
                  [this, digest, alive = std::weak_ptr(alive_)](const Result<Responders::Heard>& what) {
                    if (!alive.expired()) heard(digest, what);
                  });
}

void OwnStaples::heard(const Bytes& digest, const Result<Responders::Heard>& what) {
  const auto found = entries_.find(digest);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (!what) return failed(digest, entry, what.error().reason);
  switch (what->answer.status) {
    case trust::OcspAnswer::Status::good:
      if (!state_.empty()) write_small_file(place_of(digest), what->response);
      return use(digest, entry, what->answer, what->response);
    case trust::OcspAnswer::Status::revoked: return failed(digest, entry, "the responder says that it is revoked; it needs a new certificate");
    case trust::OcspAnswer::Status::unknown: return failed(digest, entry, "the responder does not know it");
  }
}

void OwnStaples::use(const Bytes& digest, Entry& entry, const trust::OcspAnswer& answer, const Bytes& response) {
  entry.valid_until = answer.next_update;
  entry.pause = {};
  log::info("staple.fetched", {{"identity", entry.identity}, {"valid_until", std::to_string(answer.next_update)}});
  on_staple_({digest, response, answer.next_update});
  const std::chrono::seconds half{(answer.this_update + answer.next_update) / 2 - now()};
  entry.timer->start(std::clamp<std::chrono::seconds>(half, first_pause, longest_wait), [this, digest] { ask(digest); });
}

// What the workers have stays with them while it is in date.
void OwnStaples::failed(const Bytes& digest, Entry& entry, const std::string& problem) {
  if (entry.valid_until <= now()) {
    entry.valid_until = 0;
    if (entry.must) {
      log::error("staple.missing", {{"identity", entry.identity}, {"problem", problem}, {"effect", "clients refuse the certificate: it has the TLS feature status_request"}});
    }
  }
  if (!entry.must) log::warning("staple.not_fetched", {{"identity", entry.identity}, {"problem", problem}});
  entry.pause = std::clamp<std::chrono::seconds>(entry.pause * 2, first_pause, longest_pause);
  if (entry.issuer) entry.timer->start(entry.pause, [this, digest] { ask(digest); });
}

std::string OwnStaples::place_of(const Bytes& digest) const { return state_ + "/staples/" + hex(digest) + ".der"; }

}  // namespace tlspool::judge
