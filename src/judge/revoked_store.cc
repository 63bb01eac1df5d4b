// SPDX-License-Identifier: Apache-2.0
#include "judge/revoked_store.h"

#include <openssl/x509_vfy.h>

#include "base/log.h"
#include "base/text.h"

namespace tlspool::judge {

RevokedStore::RevokedStore(const std::string& directory) : file_(directory + "/revoked") { read(); }

void RevokedStore::read() {
  auto text = file_.read();
  auto list = !text ? fail(std::move(text.error())) : !*text ? Result<trust::Revoked>(trust::Revoked{}) : trust::Revoked::parse(**text, file_.path());
  problem_ = list ? "" : list.error().text();
  if (!list) return log::error("revoked.broken", {{"problem", problem_}});
  list_ = std::move(*list);
}

void RevokedStore::read_again() {
  if (!problem_.empty()) read();
}

void RevokedStore::take() {
  left_ = false;
  read();
}

Result<bool> RevokedStore::keep(trust::Revoked changed) {
  if (left_) return fail({Code::busy, "revoke", "", "another process is taking over", "try again in a moment"});
  if (auto done = file_.write(changed.text()); !done) return fail(std::move(done.error()));
  list_ = std::move(changed);
  return true;
}

Result<bool> RevokedStore::add(const wire::RevokedRow& row) {
  if (!problem_.empty()) return fail({Code::config, "revoke", "", problem_, {}});
  trust::Revoked changed = list_;
  if (!changed.add(row)) return false;
  return keep(std::move(changed));
}

Result<bool> RevokedStore::remove(const wire::RevokedRow& row) {
  if (!problem_.empty()) return fail({Code::config, "revoke", "", problem_, {}});
  trust::Revoked changed = list_;
  if (!changed.remove(row)) return false;
  return keep(std::move(changed));
}

std::optional<wire::ChainVerdict> RevokedStore::refuse(const trust::PeerFacts& peer) const {
  const wire::RevokedRow* row = list_.find(peer);
  if (problem_.empty() && row == nullptr) return std::nullopt;
  wire::ChainVerdict v;
  v.check = "revoked";
  v.keep.unsure = true;  // it costs nothing, and may be taken back
  v.x509_error = X509_V_ERR_CERT_REVOKED;
  v.reason = row != nullptr ? "it is revoked on this machine, by its " + trust::text_of(*row) + "; see `tlspool revoke list`"
                            : "nobody knows which peers are revoked: " + problem_;
  return v;
}

}  // namespace tlspool::judge
