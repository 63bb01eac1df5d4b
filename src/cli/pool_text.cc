// SPDX-License-Identifier: Apache-2.0
#include "cli/pool_text.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tlspool::cli {
namespace {

constexpr const char* pool_text = R"(# The configuration of a TLS pool; tlspool.toml(5) explains every key. After a change:
# `tlspoold --check` looks for mistakes, `tlspool reload` puts it in force. Identities stand in
# identities/*.toml; `tlspool identity new NAME` makes one.

[pool]
name = {name}  # the identity for peers that ask for no name (SNI)
workers = 0  # processes that do TLS; 0: one for each core
minimum_version = "1.2"  # the lowest TLS version: "1.2" or "1.3"

[log]
format = "text"  # or "json": one object a line
level = "info"  # debug, info, warning or error

[limits]  # each holds for one worker
sessions = 20000  # open at the same time
handshakes = 4096  # under way at the same time
handshakes_per_uid = 2048  # of one user's programs
control_connections = 8192  # programs connected to the pool
handshake_deadline = 30  # seconds, where a program names none
idle_deadline = 0  # seconds without a byte after which a session ends; 0: never

[trust]
system = true  # believe in the authorities of /etc/ssl/certs
anchors = ["ca/ca.pem"]  # and in these: the pool's own development CA

[users]  # whom the processes become; looked at only when tlspoold is started as root
keeper = "tlspool-keeper"
worker = "tlspool-worker"
judge = "tlspool-judge"
fetcher = "tlspool-fetcher"
metrics = "tlspool-metrics"
hook = "tlspool-hook"

[[token]]  # a PKCS#11 token with private keys; there may be several
name = "default"
module = {module}
uri = {uri}  # RFC 7512: selects the token
pin_file = "pin"  # below keeper/; without it: pin_credential = "NAME" (systemd), or `tlspool pin`
parallel = 4  # signatures side by side
# The token is this pool's alone, so its one-time keys cost less: true where other pools use it, too.
shared = false

# Who may use which identity. Without any [[allow]] it is the owner and the group of this directory.
# Every condition that a rule names must hold; one rule that allows is enough.
# [[allow]]
# uid = ["www-data"]  # names or numbers; gid likewise
# executable = ["/usr/sbin/nginx"]
# identity = ["*"]  # or names
# role = ["server"]  # "client", "server"

# A peer whose connections are protected by keys that both sites share; also in peers/*.toml.
# [keystore]
# address = "hsm.a.example"  # what the other site labels our keys with
# [[peer]]
# name = "b.example"  # whom its keys prove
# store = "hsm.b.example"  # the label of its keys in the token
# source = "token"  # one-time keys; "kme": from a key management entity; "psk": of `tlspool psk`
)";

constexpr const char* identity_text = R"(# Made by `tlspool identity new`; tlspool.toml(5) explains every key.
[[identity]]
name = {name}
role = ["client", "server"]  # what it may be

[[identity.credential]]  # there may be several, such as an RSA and an EC one: the peer's abilities choose
key = {key}  # RFC 7512: the private key
chain = {chain}  # certificates, the identity's own first
token = {token}
)";

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string pool_toml(const PoolText& pool) {
  return fmt::format(fmt::runtime(pool_text), fmt::arg("name", cli::quoted(pool.name)),
                     fmt::arg("module", cli::quoted(pool.module)), fmt::arg("uri", cli::quoted(pool.token_uri)));
}

std::string identity_toml(const IdentityText& identity) {
  return fmt::format(fmt::runtime(identity_text), fmt::arg("name", cli::quoted(identity.name)),
                     fmt::arg("key", cli::quoted(identity.key)), fmt::arg("chain", cli::quoted(identity.chain)),
                     fmt::arg("token", cli::quoted(identity.token)));
}

std::string file_name(std::string_view identity) {
  std::string out;
  for (const char c : identity) {
    const bool plain = is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '@' || (c == '.' && !out.empty());
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace tlspool::cli
