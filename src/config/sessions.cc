// SPDX-License-Identifier: Apache-2.0
#include "config/sessions.h"

namespace tlspool::config {

void read_sessions(Section s, Sessions& out) {
  s.word<OnReload>("on_reload", {{"keep", OnReload::keep}, {"recheck", OnReload::recheck}}, out.on_reload);
  s.done();
}

void read_pins(Section s, wire::PinSetup& out) {
  s.number("first_use_days", 0, 36500, out.first_use_days);
  s.done();
}

void read_token_gone(Section& identity, TokenGone& out) {
  identity.word<TokenGone>("token_gone", {{"keep", TokenGone::keep}, {"end", TokenGone::end}}, out);
}

}  // namespace tlspool::config
