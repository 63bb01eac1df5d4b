// SPDX-License-Identifier: Apache-2.0
#include "keeper/open_token.h"

#include <unistd.h>

#include <climits>

#include "keeper/pin.h"

namespace tlspool::keeper {

std::string working_directory() {
  char path[PATH_MAX];
  return getcwd(path, sizeof path) != nullptr ? path : "";
}

Status log_in_once(const Session& session, const Slot& slot, const Secret& pin) {
  if ((slot.info.flags & CKF_USER_PIN_LOCKED) != 0) return fail(session.error("C_Login", CKR_PIN_LOCKED));
  RejectedPins rejected("rejected-pins");
  const std::string physical = slot.label() + "/" + slot.serial();
  if (auto fresh = rejected.check(physical, pin); !fresh) return fresh;
  const CK_RV rv = session.calls()->C_Login(session.handle(), CKU_USER, const_cast<std::uint8_t*>(pin.bytes().data()),
                                            pin.size());
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return {};
  if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE) {
    if (auto kept = rejected.remember(physical, pin); !kept) return kept;
  }
  return fail(login_error(slot, rv, session.subject()));
}

Result<OpenToken> open_token(Modules& modules, const wire::TokenSetup& setup) {
  OpenToken out;
  const std::string subject = "token=" + setup.name;
  auto module = modules.get(setup.module);
  if (!module) return fail(std::move(module.error()));
  out.module = *module;
  auto uri = Uri::parse(setup.uri);
  if (!uri) return fail(std::move(uri.error()));
  auto slot = find_token(**module, *uri);
  if (!slot) return fail(std::move(slot.error()));
  out.slot = *slot;
  auto session = Session::open(**module, slot->id, SessionUse::read_write, subject);
  if (!session) return fail(std::move(session.error()));
  out.session = std::move(*session);
  if ((slot->info.flags & CKF_LOGIN_REQUIRED) == 0) return out;
  auto pin = configured_pin(setup, working_directory());
  if (!pin) return fail(std::move(pin.error()));
  if (!pin->has_value()) {
    return fail({Code::token_locked, "C_Login", subject, "the configuration names no PIN file", "set pin_file"});
  }
  if (auto done = log_in_once(out.session, out.slot, **pin); !done) return fail(std::move(done.error()));
  out.pin = std::move(**pin);
  return out;
}

}  // namespace tlspool::keeper
