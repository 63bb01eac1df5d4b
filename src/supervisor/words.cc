// SPDX-License-Identifier: Apache-2.0
#include "supervisor/words.h"

namespace tlspool::supervisor {

const char* word(wire::TokenState state) {
  switch (state) {
    case wire::TokenState::ready: return "ready";
    case wire::TokenState::locked: return "locked";
    case wire::TokenState::pin_rejected: return "pinRejected";
    case wire::TokenState::missing: return "missing";
    case wire::TokenState::failed: return "failed";
  }
  return "failed";
}

const char* word(wire::KeyType type) {
  switch (type) {
    case wire::KeyType::rsa: return "rsa";
    case wire::KeyType::p256: return "p256";
    case wire::KeyType::p384: return "p384";
    case wire::KeyType::ed25519: return "ed25519";
  }
  return "p256";
}

}  // namespace tlspool::supervisor
