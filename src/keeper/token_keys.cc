// SPDX-License-Identifier: Apache-2.0
// What a token does for its keys: reading them when it was opened, and signing with them.
#include <algorithm>

#include "base/log.h"
#include "keeper/handshake_shape.h"
#include "keeper/key_match.h"
#include "keeper/token.h"
#include "tls/openssl.h"

namespace tlspool::keeper {
namespace {

class Inside {
 public:
  explicit Inside(Gate& gate) : gate_(gate) { gate_.lock_shared(); }
  ~Inside() { gate_.unlock_shared(); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Gate& gate_;
};

}  // namespace

void Token::drop_copies(const std::function<bool(const KeyCopy& copy)>& unwanted) {
  for (auto at = copies_.begin(); at != copies_.end();) {
    if (unwanted(at->second)) {
      at->second.drop(session_, generation_);
      at = copies_.erase(at);
    } else {
      ++at;
    }
  }
}

void Token::read_keys() {
  drop_copies([this](const KeyCopy& copy) { return !copy.is_good(generation_); });
  std::vector<CK_OBJECT_HANDLE> copies;
  for (const auto& [original, copy] : copies_) copies.push_back(copy.object());
  const bool ready = state_ == wire::TokenState::ready;
  for (auto& [number, entry] : keys_) {
    entry.report = {};
    entry.report.key = number;
    entry.copy = nullptr;
    const Status done = ready ? read_key(entry, copies) : fail(problem());
    entry.report.usable = done.has_value();
    if (done) continue;
    entry.report.problem = done.error().text();
    if (ready) log::warning("key.unusable", {{"identity", entry.setup.identity}, {"problem", entry.report.problem}});
  }
  std::vector<const KeyCopy*> used;
  for (auto& [number, entry] : keys_) {
    if (!entry.report.usable) continue;
    entry.copy = &copies_[entry.key.handle];
    if (!entry.copy->is_good(generation_)) entry.copy->make(session_, *slot_, entry.key, generation_);
    used.push_back(entry.copy);
  }
  drop_copies([&](const KeyCopy& copy) { return std::find(used.begin(), used.end(), &copy) == used.end(); });
}

Status Token::read_key(Entry& entry, std::span<const CK_OBJECT_HANDLE> copies) const {
  auto uri = Uri::parse(entry.setup.uri);
  if (!uri) return fail(std::move(uri.error()));
  auto handle = find_private_key(session_, *slot_, *uri, copies);
  if (!handle) return fail(std::move(handle.error()));
  auto key = read_private_key(session_, *handle);
  if (!key) return fail(std::move(key.error()));
  entry.key = std::move(*key);
  entry.report.type = entry.key.type;
  entry.report.bits = entry.key.bits;
  CK_MECHANISM_INFO info{};
  entry.report.pss = entry.key.type == wire::KeyType::rsa &&
                     (*module_)->C_GetMechanismInfo(slot_->id, CKM_RSA_PKCS_PSS, &info) == CKR_OK &&
                     (info.flags & CKF_SIGN) != 0;
  if (!entry.setup.chain_uri.empty()) {
    auto chain_uri = Uri::parse(entry.setup.chain_uri);
    if (!chain_uri) return fail(std::move(chain_uri.error()));
    auto chain = read_chain(session_, *chain_uri, entry.key);
    if (!chain) return fail(std::move(chain.error()));
    entry.report.chain = std::move(*chain);
    return match_key(session_, entry.key, entry.report.chain.front(), pin_, entry.setup.uri);
  }
  if (entry.setup.leaf.empty()) return {};
  return match_key(session_, entry.key, entry.setup.leaf, pin_, entry.setup.uri);
}

Result<Bytes> Token::sign(Signer& signer, const wire::SignRequest& request) {
  const Inside inside(gate_);
  if (state_.load(std::memory_order_relaxed) != wire::TokenState::ready) return fail(problem());
  const auto found = keys_.find(request.key);
  if (found == keys_.end()) {
    log::warning("key.refused", {{"token", name_}, {"key", std::to_string(request.key)}, {"reason", "no such key"}});
    return fail({Code::not_found, "sign", subject_, "no such key", {}});
  }
  Entry& entry = found->second;
  if (!entry.report.usable) return fail({Code::token_missing, "sign", subject_, entry.report.problem, {}});
  const SignVerdict verdict = judge_signature(
      {entry.key.type, entry.setup.roles, request.role, request.tls13, request.scheme, request.input, entry.setup.tls12});
  if (!verdict.allowed) {
    log::warning("key.refused", {{"identity", entry.setup.identity}, {"role", wire::role_word(request.role)},
                                 {"scheme", scheme_name(request.scheme)}, {"token", name_},
                                 {"reason", std::string(verdict.reason)}});
    return fail({Code::denied, "sign", "identity=" + entry.setup.identity, std::string(verdict.reason), {}});
  }
  if (auto done = give_session(signer, SessionUse::read_only); !done) return fail(std::move(done.error()));
  auto signature = sign_text(signer.session, entry.key, request.scheme, request.input, pin_, entry.copy->handle(signer.session, entry.key));
  if (!signature) {
    log::error("key.failed", {{"identity", entry.setup.identity}, {"token", name_},
                              {"problem", signature.error().error.text()}});
    // An operation may have stayed half done in the session.
    signer.session = Session{};
    signer.generation = 0;
    broke(signature.error());
    return fail(std::move(signature.error().error));
  }
  log::info("key.signed", {{"identity", entry.setup.identity}, {"role", wire::role_word(request.role)},
                           {"scheme", scheme_name(request.scheme)}, {"token", name_}});
  return std::move(*signature);
}

Status Token::give_session(Signer& signer, SessionUse use) {
  if (signer.generation == generation_) return {};
  signer.session.abandon();
  auto session = Session::open(*module_, slot_->id, use, subject_);
  if (!session) {
    // Too many sessions is a matter of `parallel`; whatever else stops a session from opening needs a new start.
    if (session.error().reason != return_value_name(CKR_SESSION_COUNT)) {
      broke({session.error(), CKR_SESSION_HANDLE_INVALID});
    }
    return fail(std::move(session.error()));
  }
  signer.session = std::move(*session);
  signer.generation = generation_;
  return {};
}

Status Token::use(Signer& signer, const Act& act) {
  const Inside inside(gate_);
  if (state_.load(std::memory_order_relaxed) != wire::TokenState::ready) return fail(problem());
  if (auto done = give_session(signer, SessionUse::read_write); !done) return done;
  auto outcome = act(signer.session, generation_);
  if (outcome) return {};
  // An operation may have stayed half done in the session.
  signer.session = Session{};
  signer.generation = 0;
  broke(outcome.error());
  return fail(std::move(outcome.error().error));
}

void Token::look() {
  if (!setup_.watched || state_.load() != wire::TokenState::ready || module_ == nullptr || !slot_) return;
  const Inside inside(gate_);
  CK_TOKEN_INFO info{};
  const CK_RV rv = (*module_)->C_GetTokenInfo(slot_->id, &info);
  if (rv != CKR_OK) return broke({call_error("C_GetTokenInfo", rv, subject_), rv == CKR_TOKEN_NOT_RECOGNIZED ? CKR_TOKEN_NOT_PRESENT : rv});
  const bool same = std::equal(std::begin(info.serialNumber), std::end(info.serialNumber), std::begin(slot_->info.serialNumber));
  if (!same) broke({call_error("C_GetTokenInfo", CKR_DEVICE_REMOVED, subject_), CKR_DEVICE_REMOVED});
}

void Token::broke(const CallFailure& failure) {
  wire::TokenState next = wire::TokenState::failed;
  if (failure.error.code == Code::pin_rejected) {
    next = wire::TokenState::pin_rejected;
    // A locked or expired PIN may be the right one.
    pin_refused_ = failure.rv != CKR_PIN_LOCKED && failure.rv != CKR_PIN_EXPIRED;
  } else if (!token_is_broken(failure.rv)) {
    return;
  }
  if (failure.rv == CKR_DEVICE_REMOVED || failure.rv == CKR_TOKEN_NOT_PRESENT) unplugged_ = true;
  set_problem(failure.error);
  state_ = next;
  changed_();
}

void Token::finish(Signer& signer) {
  const Inside inside(gate_);
  if (signer.generation != generation_) signer.session.abandon();
  signer.session = Session{};
}

}  // namespace tlspool::keeper
