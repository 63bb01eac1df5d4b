// SPDX-License-Identifier: Apache-2.0
#include "client/start.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tlspool::client {
namespace {

bool c_string(const std::string& text) { return text.find('\0') == std::string::npos; }

std::optional<std::string> maybe(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

/// False where the member is there and no C string.
bool read(const wire::Value& from, std::string_view name, std::optional<std::string>& into) {
  const wire::Value* value = from.find(name);
  if (value == nullptr) return true;
  if (value->string() == nullptr || !c_string(*value->string())) return false;
  into = *value->string();
  return true;
}
bool read(const wire::Value& from, std::string_view name, std::string& into) {
  std::optional<std::string> text;
  if (!read(from, name, text) || !text) return false;
  into = std::move(*text);
  return true;
}
bool read(const wire::Value& from, std::string_view name, std::vector<std::string>& into) {
  const wire::Value* list = from.find(name);
  if (list == nullptr || list->elements() == nullptr) return false;
  for (const wire::Value& item : *list->elements()) {
    if (item.string() == nullptr || !c_string(*item.string())) return false;
    into.push_back(*item.string());
  }
  return true;
}

const char* word(tlspool_role role) {
  switch (role) {
    case TLSPOOL_ROLE_DEFAULT: break;
    case TLSPOOL_CLIENT: return "client";
    case TLSPOOL_SERVER: return "server";
    case TLSPOOL_PEER: return "peer";
  }
  return "";  // is_role() has seen to it
}

}  // namespace

bool is_role(int role) { return role == TLSPOOL_CLIENT || role == TLSPOOL_SERVER || role == TLSPOOL_PEER; }

Outcome<StartOptions> copy_options(const tlspool_options* options) {
  StartOptions out;
  if (options == nullptr) return out;
  if (options->size < sizeof options->size) return refuse(bad_parameter("options.size is not set; use TLSPOOL_OPTIONS_INIT"));
  tlspool_options o = TLSPOOL_OPTIONS_INIT;
  std::memcpy(&o, options, std::min(options->size, sizeof o));
  out.pool = o.pool == nullptr ? "" : o.pool;
  out.local_identity = maybe(o.local_identity);
  out.remote_identity = maybe(o.remote_identity);
  out.server_name = maybe(o.server_name);
  out.service = maybe(o.service);
  for (auto name = o.alpn; name != nullptr && *name != nullptr; ++name) out.alpn.emplace_back(*name);
  if (o.remote_proof < TLSPOOL_PROOF_DEFAULT || o.remote_proof > TLSPOOL_PROOF_NONE) {
    return refuse(bad_parameter("options.remote_proof is none of its values"));
  }
  if (o.minimum_version < TLSPOOL_VERSION_DEFAULT || o.minimum_version > TLSPOOL_TLS13) {
    return refuse(bad_parameter("options.minimum_version is none of its values"));
  }
  if (o.deadline_ms < 0 || o.deadline_ms > 600'000) {
    return refuse(bad_parameter("options.deadline_ms must be 1 to 600000, or 0 for the default"));
  }
  if (o.require_shared_key != 0 && o.require_shared_key != 1) {
    return refuse(bad_parameter("options.require_shared_key must be 0 or 1"));
  }
  int remote_role = TLSPOOL_ROLE_DEFAULT;  // not read as what it is before it is known to be one
  static_assert(sizeof remote_role == sizeof o.remote_role);
  std::memcpy(&remote_role, &o.remote_role, sizeof remote_role);
  if (remote_role != TLSPOOL_ROLE_DEFAULT && !is_role(remote_role)) return refuse(bad_parameter("options.remote_role is none of its values"));
  if (o.hello_delay_ms < -1 || o.hello_delay_ms > 600'000) {
    return refuse(bad_parameter("options.hello_delay_ms must be 1 to 600000, 0 for the default or -1 for none"));
  }
  if (remote_role != TLSPOOL_ROLE_DEFAULT) out.remote_role = static_cast<tlspool_role>(remote_role);
  if (o.hello_delay_ms != 0) out.hello_delay_ms = std::max(o.hello_delay_ms, 0);
  out.require_shared_key = o.require_shared_key == 1;
  out.remote_proof = o.remote_proof;
  out.minimum_version = o.minimum_version;
  out.deadline_ms = o.deadline_ms;
  out.plaintext_fd = o.plaintext_fd;
  return out;
}

wire::Value start_parameters(tlspool_role role, const StartOptions& o) {
  auto p = wire::Value::object();
  p.set("fileDescriptor", 0);
  if (o.plaintext_fd >= 0) p.set("plaintextFileDescriptor", 1);
  p.set("role", word(role));
  if (o.remote_role) p.set("remoteRole", word(*o.remote_role));
  if (o.hello_delay_ms) p.set("helloDelayMs", *o.hello_delay_ms);
  if (o.local_identity) p.set("localIdentity", *o.local_identity);
  if (o.remote_identity) p.set("remoteIdentity", *o.remote_identity);
  switch (o.remote_proof) {
    case TLSPOOL_PROOF_DEFAULT: break;
    case TLSPOOL_PROOF_REQUIRED: p.set("remoteProof", "required"); break;
    case TLSPOOL_PROOF_OPTIONAL: p.set("remoteProof", "optional"); break;
    case TLSPOOL_PROOF_NONE: p.set("remoteProof", "none"); break;
  }
  if (o.server_name) p.set("sendServerName", *o.server_name);
  if (!o.alpn.empty()) {
    auto list = wire::Value::array();
    for (const std::string& name : o.alpn) list.push(name);
    p.set("alpn", std::move(list));
  }
  if (o.service) p.set("service", *o.service);
  if (o.minimum_version != TLSPOOL_VERSION_DEFAULT) {
    p.set("minimumVersion", o.minimum_version == TLSPOOL_TLS12 ? "tls12" : "tls13");
  }
  p.set("deadlineMs", o.deadline_ms > 0 ? o.deadline_ms : default_deadline_ms);
  if (o.require_shared_key) p.set("requireSharedKey", true);
  return p;
}

std::optional<SessionFacts> session_facts(const wire::Value& session) {
  SessionFacts f;
  std::string role;
  std::string version;
  const bool complete = read(session, "id", f.id) && read(session, "role", role) &&
                        read(session, "version", version) && read(session, "cipherSuite", f.cipher_suite) &&
                        read(session, "verifiedBy", f.verified_by) && read(session, "remoteNames", f.remote_names) &&
                        read(session, "localIdentity", f.local_identity) && read(session, "notShown", f.not_shown) &&
                        read(session, "remoteIdentity", f.remote_identity) && read(session, "group", f.group) &&
                        read(session, "signatureAlgorithm", f.signature_algorithm) && read(session, "alpn", f.alpn);
  if (!complete || (role != "client" && role != "server") || (version != "tls12" && version != "tls13")) {
    return std::nullopt;
  }
  f.role = role == "client" ? TLSPOOL_CLIENT : TLSPOOL_SERVER;
  f.version = version == "tls12" ? TLSPOOL_TLS12 : TLSPOOL_TLS13;
  f.resumed = session.flag("resumed");
  if (const wire::Value* key = session.find("sharedKey")) {
    if (!read(*key, "store", f.key_store) || !read(*key, "keyId", f.key_id) || !f.key_store || !f.key_id) return std::nullopt;
    f.key_forward_secrecy = key->flag("forwardSecrecy");
    f.keys_left = key->number("keysLeft", -1);
  }
  if (const wire::Value* told = session.find("attributes")) {
    const wire::Value* values = told->find("values");
    if (!read(*told, "alias", f.alias) || !read(*told, "groups", f.groups) || values == nullptr || values->members() == nullptr) return std::nullopt;
    for (const auto& [name, value] : *values->members()) {
      if (!read(*values, name, f.attributes.emplace_back(name, std::string()).second)) return std::nullopt;
    }
  }
  return f;
}

}  // namespace tlspool::client
