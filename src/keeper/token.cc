// SPDX-License-Identifier: Apache-2.0
#include "keeper/token.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/log.h"
#include "base/socket.h"
#include "keeper/pin.h"

namespace tlspool::keeper {
namespace {

// A module that is still inside a call after that time is not waited for any longer.
constexpr std::chrono::milliseconds gate_patience{5000};

wire::TokenState state_of(const Error& e) {
  switch (e.code) {
    case Code::token_locked:
    case Code::not_found:
    case Code::denied:
    case Code::invalid:
      return wire::TokenState::locked;  // no PIN, or none that can be read
    case Code::pin_rejected: return wire::TokenState::pin_rejected;
    case Code::token_missing:
    case Code::config:
      return wire::TokenState::missing;
    case Code::busy:
    case Code::timeout:
    case Code::io:
    case Code::closed:
    case Code::protocol:
    case Code::token_failed:
    case Code::certificate:
    case Code::policy:
    case Code::tls:
    case Code::internal:
      return wire::TokenState::failed;
  }
  return wire::TokenState::failed;
}

bool same_token(const wire::TokenSetup& a, const wire::TokenSetup& b) {
  return a.module == b.module && a.uri == b.uri && a.pin_file == b.pin_file && a.pin_credential == b.pin_credential;
}

}  // namespace

Token::Token(std::string name, std::string directory, Modules& modules, RejectedPins& rejected,
             std::function<void()> changed)
    : name_(std::move(name)), directory_(std::move(directory)), subject_("token=" + name_), modules_(modules),
      rejected_(rejected), changed_(std::move(changed)) {}

Status Token::lock() {
  if (gate_.try_lock_for(gate_patience)) return {};
  return fail({Code::busy, "reopen", subject_, "a call into the module has not returned", {}});
}

Status Token::configure(const wire::TokenSetup& setup, std::vector<wire::KeySetup> keys) {
  if (auto done = lock(); !done) return done;
  if (configured_ && !same_token(setup, setup_)) close();
  const bool first = !configured_ || !same_token(setup, setup_);
  setup_ = setup;
  configured_ = true;
  keys_.clear();
  for (wire::KeySetup& key : keys) {
    const std::uint32_t number = key.key;
    keys_[number].setup = std::move(key);
  }
  const wire::TokenState now = state_.load();
  if (first || (now != wire::TokenState::ready && now != wire::TokenState::failed)) {
    open();
  } else {
    read_keys();
  }
  gate_.unlock();
  return {};
}

Status Token::retire() {
  if (auto done = lock(); !done) return done;
  close();
  configured_ = false;
  setup_ = {};
  keys_.clear();
  set_problem({Code::token_missing, "sign", subject_, "the token is no longer in the configuration", {}});
  state_ = wire::TokenState::missing;
  gate_.unlock();
  return {};
}

void Token::close() {
  // Every session of the token, those of the signing threads too; that also logs out.
  if (module_ != nullptr && slot_) (*module_)->C_CloseAllSessions(slot_->id);
  session_.abandon();
  ++generation_;
  slot_.reset();
  module_ = nullptr;
  pin_ = Secret{};
  pin_typed_ = false;
}

void Token::open() {
  last_open_ = Clock::now();
  Status done = connect();
  if (done) done = log_in();
  took(done);
}

void Token::open_again() {
  if (unplugged_.exchange(false) && pin_typed_) {
    pin_ = Secret{};  // Whoever unplugged it may not be whoever plugs it in again.
    pin_typed_ = false;
  }
  if (module_ != nullptr && slot_) (*module_)->C_CloseAllSessions(slot_->id);
  session_.abandon();
  ++generation_;
  slot_.reset();
  open();
}

Status Token::connect() {
  if (session_.is_open()) return {};
  auto module = modules_.get(setup_.module);
  if (!module) return fail(std::move(module.error()));
  module_ = *module;
  auto uri = Uri::parse(setup_.uri);
  if (!uri) return fail(std::move(uri.error()));
  auto slot = find_token(*module_, *uri);
  if (!slot) return fail(std::move(slot.error()));
  auto session = Session::open(*module_, slot->id, SessionUse::read_only, subject_);
  if (!session) return fail(std::move(session.error()));
  slot_ = *slot;
  session_ = std::move(*session);
  return {};
}

Status Token::log_in() {
  if ((slot_->info.flags & CKF_LOGIN_REQUIRED) == 0) return {};
  if (!pin_.empty()) return log_in_with(pin_);
  auto pin = configured_pin(setup_, directory_);
  if (!pin) return fail(std::move(pin.error()));
  if (!pin->has_value()) {
    return fail({Code::token_locked, "C_Login", subject_, "the token waits for its PIN", "enter it with `tlspool pin`"});
  }
  if ((slot_->info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return fail({Code::token_locked, "C_Login", subject_, "one more wrong PIN would lock the token",
                 "enter the right one with `tlspool pin`"});
  }
  pin_typed_ = false;
  auto done = log_in_with(**pin);
  if (done) pin_ = std::move(**pin);
  return done;
}

Status Token::log_in_with(const Secret& pin) {
  if ((slot_->info.flags & CKF_USER_PIN_LOCKED) != 0) return fail(call_error("C_Login", CKR_PIN_LOCKED, subject_));
  const std::string physical = slot_->label() + "/" + slot_->serial();
  if (auto fresh = rejected_.check(physical, pin); !fresh) {
    fresh.error().subject = subject_;
    return fresh;
  }
  const CK_RV rv = session_.calls()->C_Login(session_.handle(), CKU_USER, const_cast<std::uint8_t*>(pin.bytes().data()),
                                             pin.size());
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return {};
  if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE) {
    if (auto kept = rejected_.remember(physical, pin); !kept) {
      log::error("pin.not_remembered", {{"token", name_}, {"problem", kept.error().text()}});
    }
  }
  return fail(login_error(*slot_, rv, subject_));
}

Status Token::enter_pin(Secret pin) {
  if (auto done = lock(); !done) return done;
  Status done;
  if (state_ == wire::TokenState::ready) {
    done = fail({Code::invalid, "C_Login", subject_, "the token is open already", {}});
  } else {
    done = connect();
    if (done) {
      // The flags may have changed since the token was found.
      (void)(*module_)->C_GetTokenInfo(slot_->id, &slot_->info);
      done = log_in_with(pin);
    }
    if (done) {
      pin_ = std::move(pin);
      pin_typed_ = true;
    }
    took(done);
  }
  gate_.unlock();
  return done;
}

Status Token::give_typed_pin(int socket) const {
  if (!pin_typed_ || pin_.empty()) return fail({Code::not_found, "give the PIN", subject_, "nobody has typed one", {}});
  const auto send = [&](ByteView bytes) { return transmit(socket, bytes, {}, MSG_DONTWAIT); };
  const auto sent = send(pin_.bytes());
  if (!sent) return fail(Error(sent.error()));
  const auto ended = send(view("\n"));
  if (*sent != pin_.size() || !ended || *ended != 1U) return fail({Code::io, "give the PIN", subject_, "it was not read", {}});
  return {};
}

void Token::took(const Status& outcome) {
  if (outcome) {
    set_problem({});
    only_computes_ = slot_->model().starts_with("SoftHSM");
    state_ = wire::TokenState::ready;
    log::info("token.ready", {{"token", name_}, {"label", slot_->label()}});
  } else {
    set_problem(outcome.error());
    state_ = state_of(outcome.error());
    log::warning("token.unusable", {{"token", name_}, {"problem", outcome.error().text()}});
  }
  read_keys();
}

void Token::settle() {
  if (!pin_refused_.exchange(false) || pin_.empty() || !slot_) return;
  if (auto kept = rejected_.remember(slot_->label() + "/" + slot_->serial(), pin_); !kept) {
    log::error("pin.not_remembered", {{"token", name_}, {"problem", kept.error().text()}});
  }
  pin_ = Secret{};
}

void Token::set_problem(Error problem) {
  const std::lock_guard guard(problem_lock_);
  problem_ = std::move(problem);
}

Error Token::problem() const {
  const std::lock_guard guard(problem_lock_);
  return problem_;
}

wire::TokenReport Token::report() const {
  wire::TokenReport out{name_, state_, {}, {}, {}};
  if (slot_) {
    out.label = slot_->label();
    out.model = slot_->model();
  }
  if (out.state != wire::TokenState::ready) out.problem = problem().text();
  return out;
}

void Token::add_key_reports(std::vector<wire::KeyReport>& out) const {
  const bool ready = state_ == wire::TokenState::ready;
  for (const auto& [number, entry] : keys_) {
    out.push_back(entry.report);
    if (!ready && out.back().usable) {
      out.back().usable = false;
      out.back().problem = problem().text();
    }
  }
}

}  // namespace tlspool::keeper
