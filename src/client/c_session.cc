// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <memory>

#include "base/secret.h"
#include "base/text.h"
#include "client/call.h"
#include "client/handles.h"

namespace tlspool::client {
namespace {

const char* c_text(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

/// Asks the session's pool; `parameters` gets the session's id.
Outcome<wire::Value> ask(const tlspool_session& session, std::string_view method, wire::Value parameters) {
  parameters.set("session", session.facts.id);
  auto answer = call(session.socket, "io.tlspool.Pool." + std::string(method), std::move(parameters));
  if (!answer) return refuse(failure_of(answer.error(), 0, false));
  if (!answer->error.empty()) {
    Failure f = failure_of(*answer);
    f.socket_usable = false;  // the socket is the pool's since the start
    return refuse(std::move(f));
  }
  return std::move(answer->parameters);
}

/// Bytes of exactly `size` in the base64 member `name`.
Outcome<int> fill(const wire::Value& answer, std::string_view name, unsigned char* out, std::size_t size) {
  auto bytes = unbase64(answer.text(name));
  if (!bytes || bytes->size() != size) return refuse(not_understood());
  std::copy(bytes->begin(), bytes->end(), out);
  wipe(*bytes);
  return 0;
}

struct Word {
  std::string_view name;
  tlspool_ending ending;
};
constexpr Word endings[] = {
    {"open", TLSPOOL_OPEN},   {"closeNotify", TLSPOOL_CLOSE_NOTIFY}, {"truncated", TLSPOOL_TRUNCATED},
    {"reset", TLSPOOL_RESET}, {"local", TLSPOOL_LOCAL},              {"error", TLSPOOL_FAILED},
};

Outcome<int> read_state(const wire::Value& answer, tlspool_state* out) {
  const wire::Value* given = answer.find("state");
  if (given == nullptr) return refuse(not_understood());
  const std::string name = given->text("state");
  const auto* word = std::find_if(std::begin(endings), std::end(endings), [&](const Word& w) { return w.name == name; });
  if (word == std::end(endings)) return refuse(not_understood());
  tlspool_state state = TLSPOOL_STATE_INIT;
  state.size = out->size;
  state.ending = word->ending;
  state.bytes_sent = static_cast<std::uint64_t>(given->number("bytesSent"));
  state.bytes_received = static_cast<std::uint64_t>(given->number("bytesReceived"));
  const std::string detail = given->text("detail");
  std::memcpy(state.detail, detail.data(), std::min(detail.size(), sizeof state.detail - 1));
  std::memcpy(out, &state, std::min(out->size, sizeof state));
  return 0;
}

}  // namespace
}  // namespace tlspool::client

using namespace tlspool;
using namespace tlspool::client;

const char* tlspool_session_id(const tlspool_session* session) { return session->facts.id.c_str(); }
tlspool_role tlspool_session_role(const tlspool_session* session) { return session->facts.role; }
const char* tlspool_session_local_identity(const tlspool_session* s) { return c_text(s->facts.local_identity); }
const char* tlspool_session_remote_identity(const tlspool_session* s) { return c_text(s->facts.remote_identity); }
const char* const* tlspool_session_remote_names(const tlspool_session* session) { return session->names.data(); }
const char* tlspool_session_verified_by(const tlspool_session* session) { return session->facts.verified_by.c_str(); }
tlspool_version tlspool_session_version(const tlspool_session* session) { return session->facts.version; }
const char* tlspool_session_cipher_suite(const tlspool_session* s) { return s->facts.cipher_suite.c_str(); }
const char* tlspool_session_group(const tlspool_session* session) { return c_text(session->facts.group); }
const char* tlspool_session_signature_algorithm(const tlspool_session* session) {
  return c_text(session->facts.signature_algorithm);
}
const char* tlspool_session_alpn(const tlspool_session* session) { return c_text(session->facts.alpn); }
int tlspool_session_resumed(const tlspool_session* session) { return session->facts.resumed ? 1 : 0; }
const char* tlspool_session_key_store(const tlspool_session* session) { return c_text(session->facts.key_store); }
const char* tlspool_session_key_id(const tlspool_session* session) { return c_text(session->facts.key_id); }
int tlspool_session_key_forward_secrecy(const tlspool_session* session) { return session->facts.key_forward_secrecy ? 1 : 0; }
int64_t tlspool_session_keys_left(const tlspool_session* session) { return session->facts.keys_left; }
const char* tlspool_session_not_shown(const tlspool_session* session) { return c_text(session->facts.not_shown); }

const char* tlspool_session_alias(const tlspool_session* session) { return c_text(session->facts.alias); }
const char* const* tlspool_session_groups(const tlspool_session* session) { return session->groups.data(); }
const char* const* tlspool_session_attribute_names(const tlspool_session* session) { return session->attribute_names.data(); }
const char* tlspool_session_attribute(const tlspool_session* session, const char* name) {
  for (const auto& [known, value] : session->facts.attributes) {
    if (name != nullptr && known == name) return value.c_str();
  }
  return nullptr;
}
void tlspool_session_free(tlspool_session* session) { delete session; }

int tlspool_session_state(const tlspool_session* session, tlspool_state* state, tlspool_error* error) {
  return guarded(error, -1, [&]() -> Outcome<int> {
    if (state == nullptr || state->size < sizeof state->size) {
      return refuse(bad_parameter("state.size is not set; use TLSPOOL_STATE_INIT"));
    }
    const auto answer = ask(*session, "GetSession", wire::Value::object());
    if (!answer) return refuse(answer.error());
    return read_state(*answer, state);
  });
}

int tlspool_export_keying_material(const tlspool_session* session, const char* label, const void* context,
                                   size_t context_size, unsigned char* out, size_t out_size, tlspool_error* error) {
  return guarded(error, -1, [&]() -> Outcome<int> {
    if (label == nullptr || out == nullptr || out_size < 1 || out_size > 1024) {
      return refuse(bad_parameter("a label and 1 to 1024 bytes of room are needed"));
    }
    auto parameters = wire::Value::object();
    parameters.set("label", label).set("length", out_size);
    if (context != nullptr) {
      parameters.set("context", base64({static_cast<const std::uint8_t*>(context), context_size}));
    }
    const auto answer = ask(*session, "ExportKeyingMaterial", std::move(parameters));
    if (!answer) return refuse(answer.error());
    return fill(*answer, "keyingMaterial", out, out_size);
  });
}

int tlspool_channel_binding(const tlspool_session* session, unsigned char out[32], tlspool_error* error) {
  return guarded(error, -1, [&]() -> Outcome<int> {
    const auto answer = ask(*session, "ChannelBinding", wire::Value::object());
    if (!answer) return refuse(answer.error());
    return fill(*answer, "tlsExporter", out, 32);
  });
}

int tlspool_peer_certificates(const tlspool_session* session, tlspool_certificates** certificates,
                              tlspool_error* error) {
  if (certificates != nullptr) *certificates = nullptr;
  return guarded(error, -1, [&]() -> Outcome<int> {
    if (certificates == nullptr) return refuse(bad_parameter("there is no room for the certificates"));
    const auto answer = ask(*session, "PeerCertificates", wire::Value::object());
    if (!answer) return refuse(answer.error());
    const wire::Value* list = answer->find("certificates");
    if (list == nullptr || list->elements() == nullptr) return refuse(not_understood());
    auto out = std::make_unique<tlspool_certificates>();
    for (const wire::Value& item : *list->elements()) {
      auto der = item.string() == nullptr ? std::nullopt : unbase64(*item.string());
      if (!der) return refuse(not_understood());
      out->der.push_back(std::move(*der));
    }
    *certificates = out.release();
    return static_cast<int>((*certificates)->der.size());
  });
}

const unsigned char* tlspool_certificate_der(const tlspool_certificates* certificates, size_t index, size_t* size) {
  if (certificates == nullptr || index >= certificates->der.size()) return nullptr;
  const Bytes& der = certificates->der[index];
  if (size != nullptr) *size = der.size();
  return der.data();
}

void tlspool_certificates_free(tlspool_certificates* certificates) { delete certificates; }

int tlspool_update_keys(const tlspool_session* session, tlspool_update whose, tlspool_error* error) {
  return guarded(error, -1, [&]() -> Outcome<int> {
    const auto answer =
        ask(*session, "UpdateKeys", wire::Value::object().set("requestPeer", whose == TLSPOOL_UPDATE_BOTH));
    if (!answer) return refuse(answer.error());
    return 0;
  });
}
