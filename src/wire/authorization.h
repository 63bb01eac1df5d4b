// SPDX-License-Identifier: Apache-2.0
// What the configuration says about authorization ([[rule]], [[hook]], [authorization]) on its way to the judge, and what a
// program is told. Not to be confused with AllowRule, which says which caller may use which identity.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "wire/codec.h"
#include "wire/policy.h"

namespace tlspool::wire {

/// What the program is told about a peer besides its identity.
struct Attributes {
  std::string alias;                ///< what this machine calls the peer; empty: nothing else
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> values;  ///< name and value
};
template <class Io> void fields(Io& io, std::pair<std::string, std::string>& m) { io(m.first, m.second); }
template <class Io> void fields(Io& io, Attributes& m) { io(m.alias, m.groups, m.values); }

/// At most 64 groups and 64 values, 8192 bytes together; names have 1 to 64 characters, printable ASCII without blanks; the
/// other texts up to 1024 bytes of UTF-8 without control characters, and groups are not empty. Code::invalid says what is wrong.
[[nodiscard]] Status check_attributes(const Attributes& attributes);

enum class RuleAction : std::uint8_t { allow, deny, ask };

/// One [[rule]]. Every condition that is given must hold; a condition holds where one of its texts does.
struct RuleSetup {
  std::vector<PlacedText> remote;  ///< selectors of the peer's identity
  std::vector<PlacedText> san;     ///< URIs, or what they begin with, up to a slash and with a * at the end
  std::vector<PlacedText> issuer;  ///< subject of the CA that issued the peer's certificate, or of the trust anchor
  std::vector<PlacedText> local;   ///< selectors of our identity
  std::vector<PlacedText> time;    ///< as authz::TimeWindow reads it
  std::vector<std::string> services;
  std::vector<std::uint32_t> uids;
  std::vector<std::string> executables;
  std::uint8_t roles = 3;          ///< RoleBits, of this side
  RuleAction action = RuleAction::allow;
  std::vector<std::string> hooks;  ///< whom to ask, where that is the action
  Attributes attributes;
  std::string file;
  std::uint32_t line = 0;
};
template <class Io> void fields(Io& io, RuleSetup& m) {
  io(m.remote, m.san, m.issuer, m.local, m.time, m.services, m.uids, m.executables, m.roles, m.action, m.hooks, m.attributes, m.file, m.line);
}

/// One [[hook]]: a local program, or a service that speaks the API of the Open Policy Agent.
struct HookSetup {
  std::string name;
  std::vector<std::string> program;  ///< absolute path and arguments; empty: it is a service
  std::string user;                  ///< whom the program becomes where the supervisor is root
  std::uint32_t count = 2;           ///< how many of it run
  std::uint32_t processes = 16;      ///< what each may add to the processes of its user
  std::uint32_t memory = 512;        ///< address space of each, in MiB
  std::string url;                   ///< http or https; with `socket` its host is only a word
  std::string socket;                ///< path of a Unix socket; empty: TCP
  std::string identity;              ///< https: the pool's own identity that is shown; empty: none
  std::uint32_t deadline_ms = 2000;
};
template <class Io> void fields(Io& io, HookSetup& m) {
  io(m.name, m.program, m.user, m.count, m.processes, m.memory, m.url, m.socket, m.identity, m.deadline_ms);
}

/// What holds where no rule fits.
enum class RuleDefault : std::uint8_t {
  by_rules,  ///< allow where there is no rule at all, else deny
  allow,
  deny,
};

struct AuthorizationSetup {
  RuleDefault otherwise = RuleDefault::by_rules;
  std::vector<std::string> ask;   ///< hooks that are asked about everybody whom the rules let in
  std::vector<HookSetup> hooks;
};
template <class Io> void fields(Io& io, AuthorizationSetup& m) { io(m.otherwise, m.ask, m.hooks); }

/// supervisor -> judge, with one end of a socket pair, of which the other is the standard input and output of a hook's program.
struct HookEnd {
  std::string hook;
  std::uint64_t process = 0;  ///< names this process of it, and never another one
};
template <class Io> void fields(Io& io, HookEnd& m) { io(m.hook, m.process); }

/// judge -> supervisor: a process of a hook must be ended. A new one is started.
struct HookFailed {
  std::uint64_t process = 0;
  std::string reason;
};
template <class Io> void fields(Io& io, HookFailed& m) { io(m.process, m.reason); }

}  // namespace tlspool::wire
