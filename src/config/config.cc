// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/text.h"
#include "config/authorization.h"
#include "config/checks.h"

namespace tlspool::config {
namespace {

std::string names_of(const std::vector<wire::TokenSetup>& tokens) {
  std::string out;
  for (const auto& t : tokens) out += (out.empty() ? "" : ", ") + t.name;
  return out;
}

std::optional<std::uint32_t> number_of(const AllowName& wanted) {
  switch (wanted.kind) {
    case AllowName::Kind::user:
      if (const passwd* user = getpwnam(wanted.name.c_str()); user != nullptr) return user->pw_uid;
      return std::nullopt;
    case AllowName::Kind::group:
      if (const group* found = getgrnam(wanted.name.c_str()); found != nullptr) return found->gr_gid;
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Error mistake(const std::string& file, int line, std::string reason, std::string advice) {
  return {Code::config, "configuration", line > 0 ? at_line(file, line) : file, std::move(reason),
          std::move(advice)};
}

Status check_references(Config& config) {
  std::set<std::string> seen;
  for (Identity& identity : config.identities) {
    const Credential& first = identity.credentials.front();
    if (!seen.insert(identity.name).second) {
      return fail(mistake(first.file, first.line, "identity " + printable(identity.name) + " is there twice",
                          "list its other keys as [[identity.credential]] of the first one"));
    }
    for (Credential& credential : identity.credentials) {
      if (config.tokens.empty()) {
        return fail(mistake(credential.file, credential.line, "no [[token]] is configured that could hold the key",
                            "add a [[token]] to tlspool.toml"));
      }
      if (credential.token.empty()) credential.token = config.tokens.front().name;
      const auto& wanted = credential.token;
      if (std::none_of(config.tokens.begin(), config.tokens.end(), [&](const auto& t) { return t.name == wanted; })) {
        return fail(mistake(credential.file, credential.line, "there is no [[token]] named \"" + printable(wanted) + "\"",
                            "known here: " + names_of(config.tokens)));
      }
    }
  }
  for (const wire::DisclosureSetup& rule : config.disclosures) {
    // What is no single identity is told by authz::Disclosures.
    const auto name = normal_identity(rule.local.text);
    if (rule.offer && name && !seen.contains(*name)) {
      return fail(mistake(rule.file, static_cast<int>(rule.local.line), "[disclosure] local names no [[identity]], and offer = true needs one",
                          "see `tlspool identity list`"));
    }
  }
  return {};
}

Status resolve(Config& config) {
  for (const AllowName& wanted : config.allow_names) {
    const auto number = number_of(wanted);
    const bool user = wanted.kind == AllowName::Kind::user;
    if (!number) {
      return fail({Code::config, "configuration", wanted.where,
                   std::string("this system has no ") + (user ? "user" : "group") + " \"" + printable(wanted.name) + "\"",
                   "correct the name or give a number"});
    }
    switch (wanted.table) {
      case AllowName::Table::allow: {
        auto& rule = config.allow.at(wanted.rule);
        (user ? rule.uids : rule.gids).push_back(*number);
        break;
      }
      case AllowName::Table::disclosure: config.disclosures.at(wanted.rule).uids.push_back(*number); break;
    }
  }
  config.allow_names.clear();
  return resolve_users(config.authorization);
}

}  // namespace tlspool::config
