// SPDX-License-Identifier: Apache-2.0
#include "wire/session_row.h"

namespace tlspool::wire {

Value value_of(const SessionRow& r) {
  const auto maybe = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  return Value::object()
      .set("id", r.id)
      .set("worker", r.worker)
      .set("role", r.role)
      .set("localIdentity", maybe(r.local_identity))
      .set("remoteIdentity", maybe(r.remote_identity))
      .set("version", r.version)
      .set("cipherSuite", r.suite)
      .set("service", maybe(r.service))
      .set("uid", r.uid)
      .set("pid", r.pid)
      .set("started", r.started)
      .set("bytesSent", r.sent)
      .set("bytesReceived", r.received)
      .set("draining", r.draining);
}

}  // namespace tlspool::wire
