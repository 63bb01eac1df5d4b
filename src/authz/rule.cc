// SPDX-License-Identifier: Apache-2.0
#include "authz/rule.h"

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"
#include "base/url.h"
#include "trust/selector.h"

namespace tlspool::authz {
namespace {

// Shorter than what is kept of a name of a certificate, so that none that was cut is taken for another.
constexpr std::size_t longest_uri = 500;
constexpr std::size_t longest_text = 2048;

Error mistake(const wire::RuleSetup& setup, std::uint32_t line, std::string reason, std::string advice = {}) {
  return {Code::config, "configuration", at_line(setup.file, line), "[rule] " + std::move(reason), std::move(advice)};
}

Result<UriPattern> read_uri(const wire::RuleSetup& setup, const wire::PlacedText& text) {
  UriPattern out;
  std::string_view uri = text.text;
  const auto wrong = [&](std::string reason, std::string advice = {}) {
    return fail(mistake(setup, text.line, "san \"" + printable(text.text) + "\" " + std::move(reason), std::move(advice)));
  };
  if (uri.size() > longest_uri) return wrong("is longer than " + std::to_string(longest_uri) + " bytes");
  if (uri.ends_with("/*")) {
    out.prefix = true;
    uri.remove_suffix(1);
  }
  if (uri.find('*') != std::string_view::npos) return wrong("has a * elsewhere than at its end, behind a slash", "write such as spiffe://example/ns/*");
  const auto printing = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::all_of(uri.begin(), uri.end(), printing)) return wrong("has a blank, or a character that is not ASCII");
  if (scheme_size(uri) == 0) return wrong("is no URI", "names of hosts and users are found by remote");
  if (uri.ends_with("://")) return wrong("names nothing");
  if (is_doubtful_uri(uri)) return wrong("has a dotted part: a peer with such a URI is let in by no rule");
  out.text = normal_uri(uri);
  return out;
}

Status read_selectors(const wire::RuleSetup& setup, const std::vector<wire::PlacedText>& texts, const char* key, std::vector<std::string>& out) {
  for (const wire::PlacedText& text : texts) {
    auto normal = trust::normal_selector(text.text);
    if (!normal) {
      return fail(mistake(setup, text.line, std::string(key) + " \"" + printable(text.text) + "\" is no selector: " + normal.error().reason,
                          std::move(normal.error().advice)));
    }
    out.push_back(std::move(*normal));
  }
  return {};
}

bool has_any(const std::vector<std::string>& wanted, const std::vector<std::string>& there) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) { return contains(there, w); });
}

}  // namespace

std::string normal_uri(std::string_view text) {
  const std::size_t scheme = scheme_size(text);
  if (scheme == 0) return std::string(text);
  std::size_t fixed = scheme;
  if (text.substr(scheme).starts_with("//")) fixed = std::min(text.find_first_of("/?#", scheme + 2), text.size());
  return lower(text.substr(0, fixed)) + std::string(text.substr(fixed));
}

bool is_doubtful_uri(std::string_view text) {
  const std::string small = lower(text);
  if (small.find("%2e") != std::string::npos || small.find("%2f") != std::string::npos) return true;
  const auto parts = split(small, '/');
  return std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part == "." || part == ".."; });
}

Asked::Asked(const Facts& facts) : facts(facts), remotes(trust::selectors_of(facts.remote)), locals(trust::selectors_of(facts.local)) {
  for (const std::string& name : facts.names) {
    if (!trust::is_uri(name)) continue;
    uris.push_back(normal_uri(name));
    doubtful = doubtful || is_doubtful_uri(name);
  }
}

Result<Rule> Rule::make(const wire::RuleSetup& setup) {
  Rule out;
  if (auto done = read_selectors(setup, setup.remote, "remote", out.remote); !done) return fail(std::move(done.error()));
  if (auto done = read_selectors(setup, setup.local, "local", out.local); !done) return fail(std::move(done.error()));
  for (const wire::PlacedText& text : setup.san) {
    auto uri = read_uri(setup, text);
    if (!uri) return fail(std::move(uri.error()));
    out.san.push_back(std::move(*uri));
  }
  for (const wire::PlacedText& text : setup.issuer) {
    if (text.text.size() > longest_text || text.text.find('=') == std::string::npos) {
      return fail(mistake(setup, text.line, "issuer \"" + printable(text.text) + "\" is no subject of a certificate", "write it as `openssl x509 -noout -subject -nameopt RFC2253` prints it"));
    }
    out.issuer.push_back(text.text);
  }
  for (const wire::PlacedText& text : setup.time) {
    auto window = TimeWindow::parse(text.text);
    if (!window) {
      return fail(mistake(setup, text.line, "time: \"" + window.error().subject + "\" " + window.error().reason, std::move(window.error().advice)));
    }
    out.time.push_back(*window);
  }
  out.services = setup.services;
  out.uids = setup.uids;
  out.executables = setup.executables;
  out.roles = setup.roles;
  out.action = setup.action;
  out.hooks = setup.hooks;
  out.attributes = setup.attributes;
  out.where = at_line(setup.file, setup.line);
  return out;
}

bool Rule::fits(const Asked& asked) const {
  const Facts& facts = asked.facts;
  if ((roles & facts.role) == 0) return false;
  if (!remote.empty() && !has_any(remote, asked.remotes)) return false;
  if (!local.empty() && !has_any(local, asked.locals)) return false;
  if (!services.empty() && !contains(services, facts.service)) return false;
  if (!uids.empty() && !contains(uids, facts.uid)) return false;
  if (!executables.empty() && (facts.executable.empty() || !contains(executables, facts.executable))) return false;
  if (!issuer.empty() && !(!facts.issuer.empty() && contains(issuer, facts.issuer)) && !(!facts.anchor.empty() && contains(issuer, facts.anchor))) return false;
  const auto any_uri_fits = [&](const UriPattern& pattern) {
    return std::any_of(asked.uris.begin(), asked.uris.end(), [&](const std::string& uri) { return pattern.fits(uri); });
  };
  return san.empty() || std::any_of(san.begin(), san.end(), any_uri_fits);
}

bool Rule::in_time(std::time_t now) const {
  return time.empty() || std::any_of(time.begin(), time.end(), [now](const TimeWindow& window) { return window.holds(now); });
}

}  // namespace tlspool::authz
