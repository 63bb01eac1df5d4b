// SPDX-License-Identifier: Apache-2.0
#include "wire/session_row.h"

namespace tlspool::wire {

Value value_of(const SessionRow& r) {
  return Value::object()
      .set("id", r.id)
      .set("worker", r.worker)
      .set("role", r.role)
      .set("localIdentity", or_null(r.local_identity))
      .set("remoteIdentity", or_null(r.remote_identity))
      .set("version", r.version)
      .set("cipherSuite", r.suite)
      .set("service", or_null(r.service))
      .set("uid", r.uid)
      .set("pid", r.pid)
      .set("started", r.started)
      .set("bytesSent", r.sent)
      .set("bytesReceived", r.received)
      .set("draining", r.draining);
}

SessionRow session_row_of(const Value& v) {
  SessionRow out;
  out.id = v.text("id");
  out.worker = static_cast<std::uint32_t>(v.number("worker"));
  out.role = v.text("role");
  out.local_identity = v.text("localIdentity");
  out.remote_identity = v.text("remoteIdentity");
  out.version = v.text("version");
  out.suite = v.text("cipherSuite");
  out.service = v.text("service");
  out.uid = static_cast<std::uint32_t>(v.number("uid"));
  out.pid = static_cast<std::int32_t>(v.number("pid"));
  out.started = v.number("started");
  out.sent = static_cast<std::uint64_t>(v.number("bytesSent"));
  out.received = static_cast<std::uint64_t>(v.number("bytesReceived"));
  out.draining = v.flag("draining");
  return out;
}

}  // namespace tlspool::wire
