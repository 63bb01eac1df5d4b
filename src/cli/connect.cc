// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "base/handle.h"
#include "base/text.h"
#include "cli/accept.h"
#include "cli/address.h"
#include "cli/commands.h"
#include "cli/pump.h"
#include "cli/roles.h"
#include "config/paths.h"
#include "tlspool/tlspool.h"
#include "wire/json.h"

namespace tlspool::cli {
namespace {

using Session = std::unique_ptr<tlspool_session, Freed<tlspool_session_free>>;

wire::Value text_or_null(const char* text) { return text == nullptr ? wire::Value() : wire::Value(text); }

wire::Value shared_key(const tlspool_session* s) {
  if (tlspool_session_key_store(s) == nullptr) return {};
  const std::int64_t left = tlspool_session_keys_left(s);
  wire::Value out = wire::Value::object();
  out.set("store", tlspool_session_key_store(s)).set("keyId", tlspool_session_key_id(s));
  out.set("forwardSecrecy", tlspool_session_key_forward_secrecy(s) == 1);
  return std::move(out.set("keysLeft", left < 0 ? wire::Value() : wire::Value(left)));
}

/// For people: which shared key protects the connection.
std::string shared_key_line(const tlspool_session* s) {
  const std::int64_t left = tlspool_session_keys_left(s);
  return fmt::format("protected by the shared key {} of {}{}{}", printable(tlspool_session_key_id(s)), printable(tlspool_session_key_store(s)),
                     tlspool_session_key_forward_secrecy(s) == 1 ? "" : ", without forward secrecy",
                     left < 0 ? std::string{} : fmt::format(", {} left", left));
}

wire::Value attributes(const tlspool_session* s) {
  wire::Value groups = wire::Value::array();
  for (const char* const* group = tlspool_session_groups(s); *group != nullptr; ++group) groups.push(*group);
  wire::Value values = wire::Value::object();
  for (const char* const* name = tlspool_session_attribute_names(s); *name != nullptr; ++name) values.set(*name, tlspool_session_attribute(s, *name));
  if (tlspool_session_alias(s) == nullptr && groups.elements()->empty() && values.members()->empty()) return {};
  return wire::Value::object().set("alias", text_or_null(tlspool_session_alias(s))).set("groups", std::move(groups)).set("values", std::move(values));
}

/// For people: what rules and hooks tell about the peer; empty: nothing.
std::string attributes_line(const tlspool_session* s) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + printable(text, 1024); };
  if (const char* alias = tlspool_session_alias(s)) add(std::string("known here as ") + alias);
  std::string groups;
  for (const char* const* group = tlspool_session_groups(s); *group != nullptr; ++group) groups += (groups.empty() ? "" : ", ") + std::string(*group);
  if (!groups.empty()) add("in the groups " + groups);
  for (const char* const* name = tlspool_session_attribute_names(s); *name != nullptr; ++name) add(std::string(*name) + ": " + tlspool_session_attribute(s, *name));
  return out;
}

/// What was proved, in the words of the interface file.
wire::Value proof(const tlspool_session* s) {
  wire::Value names = wire::Value::array();
  for (const char* const* name = tlspool_session_remote_names(s); *name != nullptr; ++name) names.push(*name);
  wire::Value out = wire::Value::object();
  out.set("id", tlspool_session_id(s)).set("role", tlspool_session_role(s) == TLSPOOL_SERVER ? "server" : "client");
  out.set("localIdentity", text_or_null(tlspool_session_local_identity(s))).set("notShown", text_or_null(tlspool_session_not_shown(s)));
  out.set("remoteIdentity", text_or_null(tlspool_session_remote_identity(s)));
  out.set("remoteNames", std::move(names)).set("verifiedBy", tlspool_session_verified_by(s));
  out.set("version", tlspool_session_version(s) == TLSPOOL_TLS13 ? "tls13" : "tls12");
  out.set("cipherSuite", tlspool_session_cipher_suite(s)).set("group", text_or_null(tlspool_session_group(s)));
  out.set("signatureAlgorithm", text_or_null(tlspool_session_signature_algorithm(s)));
  out.set("alpn", text_or_null(tlspool_session_alpn(s))).set("resumed", tlspool_session_resumed(s) == 1);
  out.set("sharedKey", shared_key(s)).set("attributes", attributes(s));
  return out;
}

/// The pool may notice the connection's end a moment after the plaintext side did.
Status orderly_end(const tlspool_session* session, const std::string& other) {
  tlspool_state state = TLSPOOL_STATE_INIT;
  tlspool_error error = TLSPOOL_ERROR_INIT;
  if (tlspool_session_state(session, &state, &error) != 0) {
    return fail({Code::io, "how the connection ended", other, error.message, "the data may not be whole"});
  }
  const std::string got = fmt::format("after {} bytes", state.bytes_received);
  switch (state.ending) {
    case TLSPOOL_OPEN:  // the incoming direction alone has ended, and only close_notify does that
    case TLSPOOL_CLOSE_NOTIFY:
    case TLSPOOL_LOCAL:
      return {};
    case TLSPOOL_TRUNCATED:
      return fail({Code::tls, "connection", other, "ended without close_notify " + got, "data may be missing"});
    case TLSPOOL_RESET:
      return fail({Code::io, "connection", other, "was reset " + got, "data may be missing"});
    case TLSPOOL_FAILED:
      return fail({Code::tls, "connection", other, printable(state.detail) + " " + got, "data may be missing"});
  }
  return fail({Code::internal, "connection", other, "ended in an unknown way", {}});
}

/// A TCP connection, and what to call its other end.
struct Link {
  UniqueFd socket;
  std::string other;
};

void say_where(const Acceptor& acceptor, Output output) {
  wire::Value list = wire::Value::array();
  for (const SocketAddress& address : acceptor.addresses()) {
    if (output == Output::text) std::fprintf(stderr, "listening on %s\n", address.text().c_str());
    list.push(address.text());
  }
  if (output == Output::json) std::fprintf(stderr, "%s\n", wire::to_json(wire::Value::object().set("listening", std::move(list))).c_str());
}

/// Waits for one connection, however long that takes.
Result<Link> wait_for_one(const HostPort& where, Output output) {
  const auto acceptor = Acceptor::listen(where);
  if (!acceptor) return fail(acceptor.error());
  say_where(*acceptor, output);
  auto accepted = acceptor->accept(std::chrono::steady_clock::time_point::max());
  if (!accepted) return fail(std::move(accepted.error()));
  return Link{std::move(accepted->socket), accepted->peer.text()};
}

tlspool_role role_of(Role role) {
  switch (role) {
    case Role::client: return TLSPOOL_CLIENT;
    case Role::server: return TLSPOOL_SERVER;
    case Role::peer: return TLSPOOL_PEER;
  }
  return TLSPOOL_ROLE_DEFAULT;
}

int start(Role own, int fd, const tlspool_options& how, tlspool_session** session, tlspool_error* error) {
  switch (own) {
    case Role::client: return tlspool_starttls_client(fd, nullptr, &how, session, error);
    case Role::server: return tlspool_starttls_server(fd, nullptr, &how, session, error);
    case Role::peer: return tlspool_starttls_peer(fd, nullptr, nullptr, &how, session, error);
  }
  return -1;
}

/// TLS in place, what was proved told; then bytes until the end.
Status talk(const ConnectOptions& options, const config::Paths& paths, Role own, const std::string& expect, Link link) {
  std::vector<const char*> alpn;
  for (const std::string& protocol : options.alpn) alpn.push_back(protocol.c_str());
  alpn.push_back(nullptr);
  tlspool_options how = TLSPOOL_OPTIONS_INIT;
  how.pool = paths.directory.c_str();
  how.local_identity = options.as.empty() ? nullptr : options.as.c_str();
  how.remote_identity = expect.empty() ? nullptr : expect.c_str();
  how.alpn = options.alpn.empty() ? nullptr : alpn.data();
  how.service = "connect";
  how.minimum_version = options.least == Version::tls13 ? TLSPOOL_TLS13 : TLSPOOL_VERSION_DEFAULT;
  how.require_shared_key = options.shared_key == SharedKey::required ? 1 : 0;
  how.deadline_ms = static_cast<int>(options.timeout.count());
  if (options.roles.remote) how.remote_role = role_of(*options.roles.remote);
  if (options.roles.hello_delay) how.hello_delay_ms = options.roles.hello_delay->count() == 0 ? -1 : static_cast<int>(options.roles.hello_delay->count());
  tlspool_error error = TLSPOOL_ERROR_INIT;
  tlspool_session* raw = nullptr;
  UniqueFd plain{start(own, link.socket.get(), how, &raw, &error)};
  if (!plain.valid()) return fail({Code::tls, "connect", link.other, error.message, {}});
  static_cast<void>(link.socket.release());  // the library closed it: the pool owns the connection
  const Session session(raw);
  if (options.output == Output::json) std::fprintf(stderr, "%s\n", wire::to_json(proof(session.get())).c_str());
  if (options.output == Output::text && tlspool_session_key_store(session.get()) != nullptr) {
    std::fprintf(stderr, "tlspool: %s\n", shared_key_line(session.get()).c_str());
  }
  if (const char* why = tlspool_session_not_shown(session.get()); options.output == Output::text && why != nullptr) {
    std::fprintf(stderr, "tlspool: %s\n", printable(why, 1024).c_str());
  }
  if (const std::string told = attributes_line(session.get()); options.output == Output::text && !told.empty()) {
    std::fprintf(stderr, "tlspool: the peer: %s\n", told.c_str());
  }
  if (auto moved = pump(plain.get(), {STDIN_FILENO, STDOUT_FILENO}); !moved) return moved;
  return orderly_end(session.get(), link.other);
}

}  // namespace

Status connect(const ConnectOptions& options) {
  const auto paths = config::find_pool(options.pool);
  if (!paths) return fail(paths.error());
  const bool waits = !options.listen.empty();
  const auto place = HostPort::parse(waits ? options.listen : options.target);
  if (!place) return fail(place.error());
  const Role own = options.roles.own.value_or(Role::client);
  // Who waits knows nobody's name, and a server asks for none unless it is told to.
  const std::string expect = options.expect.empty() && !waits && own != Role::server ? place->host : options.expect;
  if (auto sense = check_roles("connect", own, options.roles, expect); !sense) return sense;
  if (waits) {
    auto link = wait_for_one(*place, options.output);
    return link ? talk(options, *paths, own, expect, std::move(*link)) : fail(std::move(link.error()));
  }
  auto socket = connect_tcp(*place, options.timeout);
  if (!socket) return fail(std::move(socket.error()));
  return talk(options, *paths, own, expect, {std::move(*socket), options.target});
}

}  // namespace tlspool::cli
