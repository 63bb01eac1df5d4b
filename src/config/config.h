// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "wire/disclosure.h"
#include "wire/dns_setup.h"
#include "wire/ipc.h"
#include "wire/policy.h"

namespace tlspool::config {

/// One certificate and key of an identity.
struct Credential {
  std::string key;    ///< RFC 7512 URI of the private key
  std::string chain;  ///< PEM file (absolute), or RFC 7512 URI of certificates in the token
  std::string token;  ///< name of the [[token]] that the key URI is looked for in; default the first one
  int line = 0;
  std::string file;   ///< where it stands, for messages
};

/// What becomes of an identity's sessions when its token is gone.
enum class TokenGone { keep, end };
/// What becomes of open sessions when the configuration was read again.
enum class OnReload { keep, recheck };

struct Sessions {
  OnReload on_reload = OnReload::keep;
};

struct Identity {
  std::string name;  ///< normalised
  std::vector<Credential> credentials;
  std::uint8_t roles = wire::role_client | wire::role_server;
  TokenGone token_gone = TokenGone::keep;
};

struct Trust {
  bool system = true;
  std::vector<std::string> anchors;  ///< absolute paths
  std::string where;                 ///< FILE:LINE of `anchors`, for messages
};

/// [cache]: outcomes that are remembered, and shared with other pools.
struct Cache {
  std::vector<std::string> servers;  ///< "HOST:PORT", "[ADDRESS]:PORT" or "unix:/PATH"; none: nothing is shared
  std::string key_file;              ///< absolute path; empty: none
  std::uint32_t ttl = 600;
  std::uint32_t negative_ttl = 30;
  std::uint32_t entries = 50'000;
  std::uint32_t patience_ms = 20;
  std::uint32_t generation = 0;
  std::uint32_t ticket_rotation = 12 * 60 * 60;  ///< seconds that a ticket key is in use
};

/// [log] audit.
struct Audit {
  wire::AuditTo to = wire::AuditTo::log;
  std::string file;  ///< absolute path
};

/// [metrics]: where Prometheus may ask.
struct Metrics {
  std::string listen;       ///< as it was written; empty: nowhere
  std::string address;      ///< an IP address; empty: `path` counts
  std::uint16_t port = 0;
  std::string path;         ///< of a Unix socket
};

/// Users that the processes become when the supervisor is root.
struct Users {
  std::string keeper = "tlspool-keeper";
  std::string worker = "tlspool-worker";
  std::string judge = "tlspool-judge";
  std::string fetcher = "tlspool-fetcher";
  std::string metrics = "tlspool-metrics";
  std::string hook = "tlspool-hook";  ///< what programs of hooks become that name no user of their own
};

/// A user or group that a rule gives by name; resolve() turns it into a number.
struct AllowName {
  enum class Kind { user, group };
  enum class Table { allow, disclosure };
  Table table = Table::allow;
  std::size_t rule = 0;  ///< index in Config::allow or Config::disclosures
  Kind kind = Kind::user;
  std::string name;
  std::string where;  ///< FILE:LINE
};

/// What is authorized: [[rule]], [[hook]] and [authorization]. What the texts of rules say is read by authz::Ruleset.
struct Authorization {
  /// A user that a rule gives by name; resolve() turns it into a number.
  struct UserName {
    std::size_t rule = 0;  ///< index in `rules`
    std::string name;
    std::string where;     ///< FILE:LINE
  };
  std::vector<wire::RuleSetup> rules;  ///< in the order in which they are asked
  std::vector<UserName> user_names;
  wire::AuthorizationSetup setup;
};

struct Config {
  std::string name;             ///< [pool] name: default identity for servers without SNI; may be empty
  std::uint32_t workers = 0;    ///< 0: one a core
  std::uint32_t drain = 3600;   ///< seconds that sessions may last when a new executable has taken over
  bool tls12 = true;            ///< minimum_version = "1.2" or "1.3"
  log::Format log_format = log::Format::text;
  log::Level log_level = log::Level::info;
  Audit audit;
  wire::Limits limits;
  wire::PeerToPeerSetup peer_to_peer;
  Trust trust;
  Cache cache;
  Users users;
  Metrics metrics;
  wire::DnsSetup dns;
  std::vector<wire::TokenSetup> tokens;
  std::vector<Identity> identities;
  std::vector<wire::AllowRule> allow;  ///< empty: the owner and the group of the pool's directory
  std::vector<AllowName> allow_names;
  std::vector<wire::PeerSetup> peers;
  std::vector<wire::KmeSetup> kmes;
  wire::RevocationSetup revocation;
  Sessions sessions;
  wire::PinSetup pins;
  std::vector<wire::PolicySetup> policies;  ///< as they are written: what they say is read by trust::Policies
  Authorization authorization;
  std::vector<wire::DisclosureSetup> disclosures;  ///< the same, by authz::Disclosures
};

/// One file of the configuration: its path (for messages) and its text.
struct Source {
  /// What a file beside tlspool.toml may hold.
  enum class Holds {
    identities,  ///< identities/*.toml: [[identity]]
    peers,       ///< peers/*.toml: [[peer]] and [[kme]]
    policies,    ///< policies/*.toml: [[policy]]
    rules,       ///< rules/*.toml: [[rule]] and [[hook]]
    disclosures, ///< disclosures/*.toml: [[disclosure]]
  };
  std::string path;
  std::string text;
  Holds holds = Holds::identities;
};

/// Pure. The first source is tlspool.toml, the others are files beside it. `directory` makes relative paths absolute, `keeper` those of PIN files. The first mistake is the error: Code::config, subject
/// "FILE:LINE", what is wrong, and what would be right. Unknown tables and keys are mistakes, and so are
/// duplicate names, references to what is not there, and numbers out of range.
[[nodiscard]] Result<Config> parse(const std::vector<Source>& sources, const std::string& directory,
                                   const std::string& keeper);

/// Asks the system's user database for the names in the rules and adds their numbers. The only step
/// between the text and the Config that is not pure.
[[nodiscard]] Status resolve(Config& config);

}  // namespace tlspool::config
