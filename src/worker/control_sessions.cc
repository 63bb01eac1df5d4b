// SPDX-License-Identifier: Apache-2.0
// The calls about identities and about sessions that already exist.
#include "base/text.h"
#include "wire/session_row.h"
#include "wire/varlink.h"
#include "worker/control.h"
#include "worker/replies.h"

namespace tlspool::worker {
namespace {

constexpr std::int64_t longest_export = 1024;
constexpr std::size_t most_rows = 500;
constexpr std::size_t longest_label = 249;  // RFC 8446 section 7.1: 255 less "tls13 "

std::string session_unknown(const std::string& id) {
  return pool_error("SessionUnknown", wire::Value::object().set("session", id));
}

std::string session_unfit(const std::string& id, const std::string& message) {
  return pool_error("SessionUnfit", wire::Value::object().set("session", id).set("message", message));
}

// An identity is usable where there is no problem.
wire::Value identity_value(const std::string& name, wire::Value roles, const std::string& problem) {
  return wire::Value::object().set("name", name).set("roles", std::move(roles)).set("usable", problem.empty()).set("problem", wire::or_null(problem));
}

}  // namespace

void Control::list_identities(const wire::Call&, std::vector<UniqueFd>&) {
  connection_->pause();
  learn_executable([this] {
    send_identities();
    call_ended();
  });
}

void Control::send_identities() {
  wire::Value list = wire::Value::array();
  const Policy& policy = worker_.policy();
  const auto roles_of = [&](const std::string& name) {
    wire::Value roles = wire::Value::array();
    for (const auto role : {wire::role_client, wire::role_server}) {
      if (policy.allows(caller(), name, role)) roles.push(wire::role_word(role));
    }
    return roles;
  };
  for (const wire::IdentitySetup& identity : policy.setup().identities) {
    wire::Value roles = roles_of(identity.name);
    if (!roles.elements()->empty()) list.push(identity_value(identity.name, std::move(roles), policy.find(identity.name)->problem));
  }
  for (const std::string& name : policy.proved_by_shared_keys()) {
    wire::Value roles = roles_of(name);
    if (!roles.elements()->empty()) list.push(identity_value(name, std::move(roles), {}));
  }
  answer(wire::reply_text(wire::Value::object().set("identities", std::move(list))));
}

// The open session that the call names; where there is none the answer is already on its way.
Session* Control::session_of(const wire::Call& call) {
  const std::string id = call.parameters.text("session");
  const Owner owner{credentials_.uid, credentials_.pid};
  Session* session = worker_.sessions().find(id, owner);
  if (session != nullptr) return session;
  const bool ended = worker_.sessions().ended(id, owner, worker_.loop().now()) != nullptr;
  answer(ended ? session_unfit(id, "the session has ended") : session_unknown(id));
  return nullptr;
}

void Control::list_sessions(const wire::Call&, std::vector<UniqueFd>&) {
  wire::Value rows = wire::Value::array();
  // Asked last, it is about a worker that is no more.
  if (asked_ != Asked::last) {
    for (const wire::SessionRow& row : worker_.list_sessions(most_rows, credentials_.uid).sessions) rows.push(wire::value_of(row));
  }
  const auto workers = static_cast<std::int64_t>(worker_.policy().setup().count + worker_.elsewhere());
  answer(wire::reply_text(wire::Value::object().set("sessions", std::move(rows)).set("workers", workers)));
}

void Control::get_session(const wire::Call& call, std::vector<UniqueFd>&) {
  const std::string id = call.parameters.text("session");
  const Owner owner{credentials_.uid, credentials_.pid};
  wire::Value state;
  if (Session* session = worker_.sessions().find(id, owner)) {
    state = session->state().value();
  } else if (const State* ended = worker_.sessions().ended(id, owner, worker_.loop().now())) {
    state = ended->value();
  } else {
    return answer(session_unknown(id));
  }
  answer(wire::reply_text(wire::Value::object().set("state", std::move(state))));
}

void Control::export_keying_material(const wire::Call& call, std::vector<UniqueFd>&) {
  const std::int64_t length = call.parameters.number("length");
  if (length < 1 || length > longest_export) return answer(invalid_parameter("length"));
  const std::string label = call.parameters.text("label");
  if (label.empty() || label.size() > longest_label) return answer(invalid_parameter("label"));
  std::optional<Bytes> context;
  if (call.parameters.find("context") != nullptr) {
    context = unbase64(call.parameters.text("context"));
    if (!context) return answer(invalid_parameter("context"));
  }
  Session* session = session_of(call);
  if (session == nullptr) return;
  auto material = session->export_keying_material(label, context ? &*context : nullptr, static_cast<std::size_t>(length));
  if (!material) return answer(session_unfit(session->id(), material.error().text()));
  answer(wire::reply_text(wire::Value::object().set("keyingMaterial", base64(material->bytes()))));
}

void Control::channel_binding(const wire::Call& call, std::vector<UniqueFd>&) {
  Session* session = session_of(call);
  if (session == nullptr) return;
  const Bytes empty;
  // RFC 9266 section 4.
  auto material = session->export_keying_material("EXPORTER-Channel-Binding", &empty, 32);
  if (!material) return answer(session_unfit(session->id(), material.error().text()));
  answer(wire::reply_text(wire::Value::object().set("tlsExporter", base64(material->bytes()))));
}

void Control::peer_certificates(const wire::Call& call, std::vector<UniqueFd>&) {
  Session* session = session_of(call);
  if (session == nullptr) return;
  wire::Value list = wire::Value::array();
  for (const Bytes& der : session->peer_certificates()) list.push(base64(der));
  answer(wire::reply_text(wire::Value::object().set("certificates", std::move(list))));
}

void Control::update_keys(const wire::Call& call, std::vector<UniqueFd>&) {
  Session* session = session_of(call);
  if (session == nullptr) return;
  const std::string id = session->id();
  if (auto done = session->update_keys(call.parameters.flag("requestPeer")); !done) {
    return answer(session_unfit(id, done.error().text()));
  }
  answer(wire::reply_text(wire::Value::object()));
}

}  // namespace tlspool::worker
