// SPDX-License-Identifier: Apache-2.0
// What the command line says, as plain structs, and the functions that do it. main.cc fills the structs;
// every function writes its result to standard output and returns what went wrong, for main.cc to print.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "wire/ipc.h"

namespace tlspool::cli {

enum class Output { text, json };
enum class Encoding { text, pem };

/// A kind of private key that `identity new` can make.
struct KeyKind {
  wire::KeyType type = wire::KeyType::p256;
  std::uint32_t bits = 256;
};

struct TopOptions {
  enum class Times { again, once };
  std::string pool;
  Output output = Output::text;
  Times times = Times::again;
  std::chrono::milliseconds every{1000};
};
/// On a terminal it stays until it is left; elsewhere it writes one view after the other.
[[nodiscard]] Status top(const TopOptions& options);

struct InitOptions {
  std::string pool;
  std::string name;  ///< empty: the host's name
};
[[nodiscard]] Status init(const InitOptions& options);

struct IdentityNewOptions {
  std::string pool;
  std::string name;
  KeyKind key;
};
[[nodiscard]] Status identity_new(const IdentityNewOptions& options);

struct IdentityListOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status identity_list(const IdentityListOptions& options);

struct IdentityShowOptions {
  std::string pool;
  std::string name;
  Encoding encoding = Encoding::text;
};
[[nodiscard]] Status identity_show(const IdentityShowOptions& options);

struct CaShowOptions {
  std::string pool;
  Encoding encoding = Encoding::text;
};
[[nodiscard]] Status ca_show(const CaShowOptions& options);

struct StatusOptions {
  std::string pool;
  Output output = Output::text;
};
[[nodiscard]] Status status(const StatusOptions& options);
[[nodiscard]] Status sessions(const StatusOptions& options);

[[nodiscard]] Status doctor(const std::string& pool);
[[nodiscard]] Status reload(const std::string& pool);
[[nodiscard]] Status upgrade(const std::string& pool);

struct PinOptions {
  std::string pool;
  std::string token;  ///< empty: the only one that waits for its PIN, or the only one there is
};
[[nodiscard]] Status pin(const PinOptions& options);

enum class Version { tls12, tls13 };
/// Whether a key that both sides share must protect the connection.
enum class SharedKey { by_policy, required };

/// What one side of a connection may be in TLS; a peer may be either.
enum class Role { client, server, peer };
struct Roles {
  std::optional<Role> own;     ///< std::nullopt: what the command is without roles
  std::optional<Role> remote;  ///< std::nullopt: what fits the own role
  std::optional<std::chrono::milliseconds> hello_delay;
};

struct ConnectOptions {
  std::string pool;
  std::string target;  ///< HOST:PORT
  std::string listen;  ///< HOST:PORT; then there is no target
  std::string as;      ///< identity to prove; empty: none
  std::string expect;  ///< name that the other side must prove; empty: HOST of the target
  Roles roles;         ///< own: client
  std::vector<std::string> alpn;
  Version least = Version::tls12;
  std::chrono::milliseconds timeout{30000};
  Output output = Output::text;
  SharedKey shared_key = SharedKey::by_policy;
};
[[nodiscard]] Status connect(const ConnectOptions& options);

struct AgentOptions {
  std::string pool;
  std::string program;  ///< that asks; empty: the terminal
};
/// Runs until SIGTERM or SIGINT, or until the terminal is gone.
[[nodiscard]] Status agent(const AgentOptions& options);

enum class Side { tls_in, tls_out };

struct TunnelOptions {
  std::string pool;
  std::string listen;   ///< A:P
  std::string connect;  ///< A:P
  Side side = Side::tls_in;
  Roles roles;  ///< own: server for tls_in, client for tls_out
  std::string as;
  std::string expect;
  std::vector<std::string> alpn;
  std::uint32_t handshakes = 4096;  ///< at most so many side by side; then no more are accepted
  SharedKey shared_key = SharedKey::by_policy;
};
/// Runs until SIGTERM or SIGINT. Stands in src/tunnel/.
[[nodiscard]] Status tunnel(const TunnelOptions& options);

}  // namespace tlspool::cli
