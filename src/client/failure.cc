// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>

#include "client/call.h"
#include "client/start.h"

namespace tlspool::client {
namespace {

struct Known {
  std::string_view name;
  tlspool_reason reason;
  int number;
};

constexpr std::array handshake_reasons{
    Known{"timeout", TLSPOOL_REASON_TIMEOUT, ETIMEDOUT}, Known{"alert", TLSPOOL_REASON_ALERT, EPROTO},
    Known{"certificate", TLSPOOL_REASON_CERTIFICATE, EKEYREJECTED}, Known{"policy", TLSPOOL_REASON_POLICY, EACCES},
    Known{"token", TLSPOOL_REASON_TOKEN, ENOKEY}, Known{"transport", TLSPOOL_REASON_TRANSPORT, ECONNRESET},
    Known{"sharedKey", TLSPOOL_REASON_SHARED_KEY, ENOKEY},
};

/// Errors by which a pool says that it did not start at all.
constexpr std::array refusals{
    Known{"io.tlspool.Pool.IdentityRefused", TLSPOOL_REASON_IDENTITY, EACCES},
    Known{"io.tlspool.Pool.BadDescriptor", TLSPOOL_REASON_DESCRIPTOR, EBADF},
    Known{"io.tlspool.Pool.LimitReached", TLSPOOL_REASON_LIMIT, EBUSY},
    Known{"io.tlspool.Pool.SessionUnknown", TLSPOOL_REASON_SESSION_UNKNOWN, ENOENT},
    Known{"io.tlspool.Pool.SessionUnfit", TLSPOOL_REASON_SESSION_UNFIT, EOPNOTSUPP},
    Known{"org.varlink.service.InvalidParameter", TLSPOOL_REASON_PARAMETER, EINVAL},
    Known{"org.varlink.service.PermissionDenied", TLSPOOL_REASON_POLICY, EACCES},
    Known{"org.varlink.service.MethodNotFound", TLSPOOL_REASON_PROTOCOL, EBADMSG},
    Known{"org.varlink.service.InterfaceNotFound", TLSPOOL_REASON_PROTOCOL, EBADMSG},
};

template <std::size_t N>
const Known* look_up(const std::array<Known, N>& table, std::string_view name) {
  for (const Known& k : table) {
    if (k.name == name) return &k;
  }
  return nullptr;
}

tlspool_reason reason_of(Code code) {
  switch (code) {
    case Code::not_found:
    case Code::denied:
    case Code::closed:
    case Code::io: return TLSPOOL_REASON_NO_POOL;
    case Code::timeout: return TLSPOOL_REASON_TIMEOUT;
    case Code::invalid:
    case Code::config: return TLSPOOL_REASON_PARAMETER;
    case Code::protocol: return TLSPOOL_REASON_PROTOCOL;
    case Code::busy:
    case Code::token_missing:
    case Code::token_locked:
    case Code::pin_rejected:
    case Code::token_failed:
    case Code::certificate:
    case Code::policy:
    case Code::tls:
    case Code::internal: return TLSPOOL_REASON_SYSTEM;
  }
  return TLSPOOL_REASON_SYSTEM;
}

int number_of(tlspool_reason reason) {
  switch (reason) {
    case TLSPOOL_REASON_TIMEOUT: return ETIMEDOUT;
    case TLSPOOL_REASON_PARAMETER: return EINVAL;
    case TLSPOOL_REASON_PROTOCOL: return EBADMSG;
    case TLSPOOL_REASON_NO_POOL: return ECONNRESET;
    default: return EIO;  // not made by reason_of(Code)
  }
}

}  // namespace

Failure bad_parameter(std::string message) {
  return {TLSPOOL_REASON_PARAMETER, EINVAL, true, std::move(message), {}, {}, {}, {}};
}

Failure not_understood(std::string what) {
  return {TLSPOOL_REASON_PROTOCOL, EBADMSG, false, "answer of the pool: " + std::move(what), {}, {}, {}, {}};
}

Failure failure_of(const Error& error, int number, bool untouched) {
  Failure f;
  f.reason = reason_of(error.code);
  f.number = number != 0 ? number : number_of(f.reason);
  f.socket_usable = untouched;
  f.message = error.text();
  return f;
}

Failure failure_of(const wire::Answer& answer) {
  Failure f;
  f.message = message_of(answer);
  f.number = EBADMSG;
  if (answer.error == "io.tlspool.Pool.HandshakeFailed") {
    const wire::Value& p = answer.parameters;
    if (const Known* known = look_up(handshake_reasons, p.text("reason"))) {
      f.reason = known->reason;
      f.number = known->number;
    }
    f.check = p.text("check");
    f.certificate = p.text("certificate");
    f.alert_sent = p.text("alertSent");
    f.alert_received = p.text("alertReceived");
    f.socket_usable = p.flag("socketUsable");
  } else if (const Known* known = look_up(refusals, answer.error)) {
    f.reason = known->reason;
    f.number = known->number;
    f.socket_usable = true;
  }
  return f;
}

}  // namespace tlspool::client
