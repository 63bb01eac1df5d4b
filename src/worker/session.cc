// SPDX-License-Identifier: Apache-2.0
#include "worker/session.h"

#include <ctime>

namespace tlspool::worker {
namespace {

const char* word(transport::End end) {
  using transport::End;
  switch (end) {
    case End::open: return "open";
    case End::close_notify: return "closeNotify";
    case End::truncated: return "truncated";
    case End::reset: return "reset";
    case End::local: return "local";
    case End::error: return "error";
  }
  return "error";
}

wire::Value shared_key_value(const Connection& c) {
  if (!c.shared_key) return {};
  const SharedKey& key = *c.shared_key;
  return wire::Value::object()
      .set("store", store_of(*key.peer))
      .set("keyId", key.key_id)
      .set("forwardSecrecy", has_forward_secrecy(*key.peer))
      .set("keysLeft", key.peer->source == wire::KeySource::token ? wire::Value{static_cast<std::int64_t>(key.left)} : wire::Value{});
}

wire::Value attributes_value(const wire::Attributes* told_or_not) {
  if (told_or_not == nullptr) return {};
  const wire::Attributes& told = *told_or_not;
  wire::Value groups = wire::Value::array();
  for (const std::string& group : told.groups) groups.push(group);
  wire::Value values = wire::Value::object();
  for (const auto& [name, value] : told.values) values.set(name, value);
  return wire::Value::object().set("alias", wire::or_null(told.alias)).set("groups", std::move(groups)).set("values", std::move(values));
}

}  // namespace

wire::Value State::value() const {
  return wire::Value::object()
      .set("state", word(outcome.end))
      .set("detail", wire::or_null(outcome.detail))
      .set("bytesSent", sent)
      .set("bytesReceived", received);
}

Session::Session(Loop& loop, std::string id, std::unique_ptr<Connection> connection,
                 transport::StreamPump::Network network, UniqueFd plain, transport::Scratch& scratch, OnEnd on_end)
    : loop_(loop),
      id_(std::move(id)),
      connection_(std::move(connection)),
      tls13_(SSL_version(network.ssl.get()) == TLS1_3_VERSION),
      started_(std::time(nullptr)),
      began_(loop.now()),
      moved_at_(began_) {
  connection_->handshake = nullptr;
  connection_->attempt.reset();
  tls::forget_key_exchange(network.ssl.get());
  tls::forget_ticket_data(network.ssl.get());
  network.first = tls::held_writes(network.ssl.get());
  pump_ = std::make_unique<transport::StreamPump>(loop, std::move(network), std::move(plain), scratch,
                                                  [this, end = std::move(on_end)] { end(*this); });
  connection_->pump = pump_.get();
}

std::string Session::shown_identity() const {
  const Connection& c = *connection_;
  return c.role == wire::role_server || c.local_shown ? c.local_identity : std::string{};
}

std::uint64_t Session::idle_for(std::uint64_t now) {
  if (const std::uint64_t moved = pump_->sent() + pump_->received(); moved != moved_) {
    moved_ = moved;
    moved_at_ = now;
  }
  return now - moved_at_;
}

State Session::state() const {
  State out{pump_->outcome(), pump_->sent(), pump_->received()};
  // A server of TLS 1.3 says only now that it will not do without a certificate.
  const std::string& why = connection_->not_shown;
  if (out.outcome.end == transport::End::error && !why.empty()) out.outcome.detail += "; " + why;
  return out;
}

wire::Value Session::facts() {
  const Connection& c = *connection_;
  const tls::Agreed agreed = tls::agreed_on(pump_->ssl());
  wire::Value names = wire::Value::array();
  for (const std::string& name : c.proved().names) names.push(name);
  return wire::Value::object()
      .set("id", id_)
      .set("role", wire::role_word(c.role))
      .set("localIdentity", wire::or_null(shown_identity()))
      .set("notShown", wire::or_null(c.not_shown))
      .set("remoteIdentity", wire::or_null(c.proved().identity))
      .set("remoteNames", std::move(names))
      .set("verifiedBy", c.proved().how.empty() ? "none" : c.proved().how.c_str())
      .set("version", agreed.tls13 ? "tls13" : "tls12")
      .set("cipherSuite", agreed.cipher_suite)
      .set("group", wire::or_null(agreed.group))
      .set("signatureAlgorithm", wire::or_null(c.shared_key ? std::string{} : agreed.signature_algorithm))
      .set("alpn", wire::or_null(agreed.alpn))
      .set("resumed", c.resumed(pump_->ssl()))
      .set("sharedKey", shared_key_value(c))
      .set("attributes", attributes_value(c.attributes.get()))
      .set("explanation", wire::or_null(c.reasons().explanation));
}

wire::SessionRow Session::row() {
  const Connection& c = *connection_;
  const tls::Agreed agreed = tls::agreed_on(pump_->ssl());
  wire::SessionRow row;
  row.id = id_;
  row.worker = c.policy->setup().index;
  row.role = wire::role_word(c.role);
  row.local_identity = shown_identity();
  row.remote_identity = c.proved().identity;
  row.version = agreed.tls13 ? "tls13" : "tls12";
  row.suite = agreed.cipher_suite;
  row.service = c.request.service;
  row.uid = c.caller.credentials.uid;
  row.pid = c.caller.credentials.pid;
  row.started = started_;
  row.sent = pump_->sent();
  row.received = pump_->received();
  return row;
}

Result<Secret> Session::export_keying_material(const std::string& label, const Bytes* context, std::size_t length) {
  // Before the end of the handshake it would answer with a peer that nobody has authenticated.
  if (SSL_is_init_finished(pump_->ssl()) != 1) {
    return fail({Code::tls, "export keying material", id_, "a handshake message is under way", "try again"});
  }
  Secret out{length};
  const bool with_context = context != nullptr;
  if (SSL_export_keying_material(pump_->ssl(), out.writable().data(), length, label.data(), label.size(),
                                 with_context ? context->data() : nullptr, with_context ? context->size() : 0,
                                 with_context ? 1 : 0) != 1) {
    return fail(tls::openssl_error(Code::tls, "export keying material", id_));
  }
  return out;
}

std::vector<Bytes> Session::peer_certificates() {
  std::vector<Bytes> out;
  SSL* ssl = pump_->ssl();
  const X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf != nullptr) out.push_back(tls::der_of(leaf));
  // A server's list leaves the leaf out; a resumed session has no list.
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = SSL_is_server(ssl) == 1 ? 0 : 1; i < sk_X509_num(chain); ++i) out.push_back(tls::der_of(sk_X509_value(chain, i)));
  return out;
}

Status Session::update_keys(bool request_peer) {
  if (!tls13_) return fail({Code::tls, "update keys", id_, "TLS 1.2 has no key update", {}});
  const int type = request_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  if (SSL_key_update(pump_->ssl(), type) != 1) {
    Error e = tls::openssl_error(Code::tls, "update keys", id_);
    e.advice = "try again when the peer has read what was sent";
    return fail(std::move(e));
  }
  pump_->flush();
  return {};
}

}  // namespace tlspool::worker
