// SPDX-License-Identifier: Apache-2.0
// One [[rule]] of the configuration: about peers, and what they may do. (Which program may use which identity is another
// matter: authz/rules.h.)
#pragma once
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "authz/time_window.h"
#include "base/error.h"
#include "wire/authorization.h"
#include "wire/ipc.h"

namespace tlspool::authz {

/// What is known about a connection when it is asked what its peer may do.
struct Facts {
  std::string remote;              ///< the identity that was proved, normalised; empty: none
  std::vector<std::string> names;  ///< every SAN of its certificate
  std::string issuer;              ///< subject of the CA that issued its certificate, RFC 2253; empty: there is none
  std::string anchor;              ///< subject of the trust anchor, RFC 2253; empty: there is none
  std::string how;                 ///< how it was verified: "chain", "sharedKey", "dane", ...; empty: not at all
  std::string local;               ///< our identity, normalised; empty: none
  std::string service;
  wire::RoleBits role = wire::role_client;  ///< of this side
  std::uint32_t uid = 0;           ///< of the program that calls the pool
  std::string executable;          ///< of that program; empty: not known
  bool shared_key = false;
  bool resumed = false;
  std::time_t now = 0;
};

/// The text of a URI as rules compare it: scheme and authority in lower case.
[[nodiscard]] std::string normal_uri(std::string_view text);
/// Whether a URI has parts "." or "..", or hides a dot or a slash in %2E or %2F: it might mean one that is above what it seems to be below.
[[nodiscard]] bool is_doubtful_uri(std::string_view text);

/// The facts in the forms that rules look for.
struct Asked {
  explicit Asked(const Facts& facts);
  const Facts& facts;
  std::vector<std::string> remotes;  ///< selectors that select the peer
  std::vector<std::string> locals;   ///< selectors that select us
  std::vector<std::string> uris;     ///< normal
  bool doubtful = false;             ///< one of the URIs is
};

/// A URI, or all that begin with a text.
struct UriPattern {
  std::string text;     ///< normal; without the star
  bool prefix = false;  ///< something must follow
  [[nodiscard]] bool fits(std::string_view uri) const { return prefix ? uri.size() > text.size() && uri.starts_with(text) : uri == text; }
};

struct Rule {
  std::vector<std::string> remote;  ///< normal selectors
  std::vector<UriPattern> san;
  std::vector<std::string> issuer;
  std::vector<std::string> local;
  std::vector<TimeWindow> time;
  std::vector<std::string> services;
  std::vector<std::uint32_t> uids;
  std::vector<std::string> executables;
  std::uint8_t roles = 0;
  wire::RuleAction action = wire::RuleAction::deny;
  std::vector<std::string> hooks;
  wire::Attributes attributes;
  std::string where;  ///< FILE:LINE

  /// Code::config with subject FILE:LINE where a text of it says nothing.
  [[nodiscard]] static Result<Rule> make(const wire::RuleSetup& setup);
  /// Every condition but the time.
  [[nodiscard]] bool fits(const Asked& asked) const;
  [[nodiscard]] bool in_time(std::time_t now) const;
};

}  // namespace tlspool::authz
