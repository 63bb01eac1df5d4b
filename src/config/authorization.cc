// SPDX-License-Identifier: Apache-2.0
#include "config/authorization.h"

#include <pwd.h>

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"
#include "base/url.h"

namespace tlspool::config {
namespace {

constexpr std::size_t longest_word = 64;
constexpr std::size_t most_arguments = 32;

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= longest_word &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

void read_placed(Section& s, std::string_view key, std::vector<wire::PlacedText>& out) {
  s.one_or_more(key, [&](const std::string& text, int line) { out.push_back({text, static_cast<std::uint32_t>(line), 0}); });
}

void read_attributes(Section& s, wire::Attributes& out) {
  s.text("alias", out.alias);
  s.one_or_more("groups", [&](const std::string& group, int) { out.groups.push_back(group); });
  if (auto table = s.section("attributes")) {
    for (const auto& [name, line] : table->place().lines) table->text(name, out.values.emplace_back(name, std::string()).second);
    table->done();
  }
  if (auto done = wire::check_attributes(out); !done) s.wrong(s.line(), "[rule] " + done.error().reason);
}

void read_action(Section& s, wire::RuleSetup& rule) {
  using wire::RuleAction;
  s.word<RuleAction>("action", {{"allow", RuleAction::allow}, {"deny", RuleAction::deny}}, rule.action);
  if (!rule.hooks.empty()) {
    if (s.has("action")) s.wrong("action", "stands beside hooks", "keep one of the two: whom hooks are asked about, they let in or not");
    rule.action = RuleAction::ask;
  } else if (!s.has("action") && !s.has("hooks")) {
    s.wrong(s.line(), "this [[rule]] says nothing about those whom it fits", "give it action = \"allow\", action = \"deny\" or hooks = [\"NAME\"]");
  }
  const wire::Attributes& told = rule.attributes;
  if (rule.action == RuleAction::deny && (!told.alias.empty() || !told.groups.empty() || !told.values.empty())) {
    s.wrong(s.line(), "this [[rule]] denies, so nobody is told its alias, groups or attributes");
  }
}

bool is_this_machine(const std::string& host) { return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_ip_address(host)); }

// `rest`: what stands behind the scheme.
void read_http(Section& s, std::string_view rest, std::string& out) {
  const auto url = parse_https_url("https://" + std::string(rest));
  if (!url) return s.wrong("url", "is none: " + url.error().reason);
  if (!is_this_machine(url->host)) {
    return s.wrong("url", "is http to another machine, where anybody on the way could answer", "use https, or a service on 127.0.0.1");
  }
  out = "http://" + std::string(rest);
}

bool is_path(const std::string& path) { return parse_https_url("https://localhost" + path).has_value() && path.starts_with('/') && path.size() > 1; }

void read_service(Section& s, wire::HookSetup& hook) {
  std::string url;
  std::string path;
  s.text("url", url);
  s.text("path", path);
  s.text("identity", hook.identity);
  if (!hook.program.empty()) {
    for (const char* key : {"url", "path", "identity"}) {
      if (s.has(key)) s.wrong(key, "stands beside program", "a hook is a program or a service");
    }
    return;
  }
  if (url.empty()) return s.wrong(s.line(), "this [[hook]] has neither program nor url");
  const bool unix_socket = url.starts_with("unix:");
  if (!unix_socket && s.has("path")) return s.wrong("path", "goes with a unix: URL alone", "write it into the url");
  if (s.has("identity") && !url.starts_with("https://")) return s.wrong("identity", "goes with an https:// URL alone");
  if (unix_socket) {
    hook.socket = url.substr(5);
    if (!hook.socket.starts_with('/') || hook.socket.size() > longest_socket) {
      return s.wrong("url", "must have an absolute path of at most 107 bytes behind unix:");
    }
    if (!is_path(path)) return s.wrong("path", "must be such as \"/v1/data/tlspool/allow\"");
    hook.url = "http://localhost" + path;
  } else if (url.starts_with("http://")) {
    read_http(s, url.substr(7), hook.url);
  } else {
    const auto https = parse_https_url(url);
    if (!https) return s.wrong("url", "must begin with https://, http:// or unix:/ (" + https.error().reason + ")");
    hook.url = https->text();
    if (hook.identity.empty()) return;
    auto name = normal_identity(hook.identity);
    if (!name) return s.wrong("identity", "is none: " + name.error().reason);
    hook.identity = *name;
  }
}

}  // namespace

void AuthorizationTables::read_main(Section& root) {
  if (auto s = root.section("authorization")) {
    using wire::RuleDefault;
    s->word<RuleDefault>("default", {{"allow", RuleDefault::allow}, {"deny", RuleDefault::deny}}, out_.setup.otherwise);
    read_hook_names(*s, "hooks", out_.setup.ask);
    s->done();
  }
  read(root);
}

void AuthorizationTables::read(Section& root) {
  for (Section& s : root.sections("rule")) read_rule(std::move(s));
  for (Section& s : root.sections("hook")) read_hook(std::move(s));
}

void AuthorizationTables::read_rule(Section s) {
  wire::RuleSetup rule;
  rule.file = s.file();
  rule.line = static_cast<std::uint32_t>(s.line());
  read_placed(s, "remote", rule.remote);
  read_placed(s, "san", rule.san);
  read_placed(s, "issuer", rule.issuer);
  read_placed(s, "local", rule.local);
  read_placed(s, "time", rule.time);
  s.one_or_more("service", [&](const std::string& service, int) { rule.services.push_back(service); });
  s.one_or_more("executable", [&](const std::string& path, int line) {
    if (!path.starts_with('/')) return s.wrong(line, "[rule] executable must be an absolute path");
    rule.executables.push_back(path);
  });
  read_rule_users(s, rule);
  if (s.has("role")) rule.roles = 0;
  s.one_or_more("role", [&](const std::string& word, int line) {
    if (word != "client" && word != "server") {
      return s.wrong(line, "[rule] role must be \"client\" or \"server\", not \"" + printable(word) + "\"");
    }
    rule.roles |= word == "client" ? wire::role_client : wire::role_server;
  });
  read_hook_names(s, "hooks", rule.hooks);
  read_attributes(s, rule.attributes);
  read_action(s, rule);
  s.done();
  out_.rules.push_back(std::move(rule));
}

void AuthorizationTables::read_rule_users(Section& s, wire::RuleSetup& rule) {
  s.one_or_each("uid", [&](const Section::Item& item) {
    // The last number means "nobody" to the kernel.
    if (item.number && *item.number >= 0 && *item.number < 0xffffffff) {
      rule.uids.push_back(static_cast<std::uint32_t>(*item.number));
    } else if (!item.text.empty()) {
      out_.user_names.push_back({out_.rules.size(), item.text, at_line(s.file(), item.line)});
    } else {
      s.wrong(item.line, "[rule] uid must be numbers or names of users");
    }
  });
}

void AuthorizationTables::read_hook_names(Section& s, std::string_view key, std::vector<std::string>& out) {
  s.one_or_more(key, [&](const std::string& name, int line) {
    if (contains(out, name)) return s.wrong(line, "the hook \"" + printable(name) + "\" is there twice");
    out.push_back(name);
    named_.push_back({name, s.file(), line});
  });
}

void AuthorizationTables::read_hook(Section s) {
  wire::HookSetup hook;
  s.needed_text("name", hook.name);
  if (!hook.name.empty() && !is_name(hook.name)) s.wrong("name", "must have 1 to 64 characters: ASCII without blanks");
  s.one_or_more("program", [&](const std::string& text, int) { hook.program.push_back(text); });
  if (!hook.program.empty() && !hook.program[0].starts_with('/')) s.wrong("program", "must begin with an absolute path");
  if (hook.program.size() > most_arguments) s.wrong("program", "has more than 32 parts");
  s.text("user", hook.user);
  s.number("count", 1, 64, hook.count);
  s.number("processes", 0, 4096, hook.processes);
  s.number("memory", 16, 65536, hook.memory);
  s.number("deadline_ms", 10, 60'000, hook.deadline_ms);
  read_service(s, hook);
  if (hook.program.empty()) {
    for (const char* key : {"user", "count", "processes", "memory"}) {
      if (s.has(key)) s.wrong(key, "goes with a program alone");
    }
  }
  s.done();
  if (!hooks_.emplace(hook.name, s.place()).second) s.wrong("name", "\"" + printable(hook.name) + "\" is there twice");
  out_.setup.hooks.push_back(std::move(hook));
}

Status AuthorizationTables::finish(Config& config) {
  for (const HookName& named : named_) {
    if (hooks_.contains(named.name)) continue;
    std::string known;
    for (const auto& [name, place] : hooks_) known += (known.empty() ? "" : ", ") + name;
    return fail(mistake(named.file, named.line, "there is no [[hook]] named \"" + printable(named.name) + "\"",
                        known.empty() ? "none is configured" : "known here: " + known));
  }
  for (const wire::HookSetup& hook : out_.setup.hooks) {
    const auto same = [&](const Identity& identity) { return identity.name == hook.identity; };
    if (hook.identity.empty() || std::any_of(config.identities.begin(), config.identities.end(), same)) continue;
    const Place& place = hooks_.at(hook.name);
    return fail(mistake(place.file, place.of("identity"), "there is no [[identity]] named \"" + printable(hook.identity) + "\""));
  }
  config.authorization = std::move(out_);
  return {};
}

Status resolve_users(Authorization& authorization) {
  for (const auto& wanted : authorization.user_names) {
    const passwd* user = getpwnam(wanted.name.c_str());
    if (user == nullptr) {
      return fail({Code::config, "configuration", wanted.where, "this system has no user \"" + printable(wanted.name) + "\"",
                   "correct the name or give a number"});
    }
    authorization.rules.at(wanted.rule).uids.push_back(user->pw_uid);
  }
  authorization.user_names.clear();
  return {};
}

}  // namespace tlspool::config
