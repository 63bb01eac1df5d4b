// SPDX-License-Identifier: Apache-2.0
#include "worker/replies.h"

#include "wire/varlink.h"

namespace tlspool::worker {

std::string pool_error(std::string_view name, wire::Value parameters) {
  return wire::error_text("io.tlspool.Pool." + std::string(name), std::move(parameters));
}

std::string failure_text(const HandshakeFailure& f) {
  return pool_error("HandshakeFailed", wire::Value::object()
                                           .set("reason", f.reason)
                                           .set("message", f.message)
                                           .set("check", wire::or_null(f.check))
                                           .set("certificate", wire::or_null(f.certificate))
                                           .set("alertSent", wire::or_null(f.alert_sent))
                                           .set("alertReceived", wire::or_null(f.alert_received))
                                           .set("socketUsable", f.socket_usable)
                                           .set("explanation", wire::or_null(f.explanation)));
}

std::string invalid_parameter(std::string_view name) {
  return wire::error_text("org.varlink.service.InvalidParameter", wire::Value::object().set("parameter", name));
}

}  // namespace tlspool::worker
