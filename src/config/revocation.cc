// SPDX-License-Identifier: Apache-2.0
#include "config/revocation.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::config {
namespace {

bool web_url(const std::string& url) {
  const std::string scheme = lower(std::string_view(url).substr(0, 8));
  const std::size_t skip = scheme == "https://" ? 8 : scheme.starts_with("http://") ? 7 : std::string::npos;
  return skip != std::string::npos && url.size() > skip && std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; });
}

constexpr const char* no_url = "must be a URL that begins with http:// or https://";

void read_urls(Section& s, std::string_view key, std::vector<std::string>& out) {
  s.texts(key, [&](const std::string& url, int line) {
    if (!web_url(url)) return s.wrong(line, "[revocation] " + std::string(key) + " \"" + printable(url) + "\" " + no_url);
    out.push_back(url);
  });
}

void read_responder(Section s, wire::RevocationSetup& out) {
  wire::ResponderSetup responder;
  s.text("issuer", responder.issuer);
  if (s.has("issuer") && responder.issuer.empty()) s.wrong("issuer", "is empty", "leave it out for a responder that knows every issuer");
  s.needed_text("url", responder.url);
  if (!web_url(responder.url)) s.wrong("url", no_url);
  s.done();
  const auto same = [&](const auto& other) { return other.issuer == responder.issuer; };
  if (std::ranges::any_of(out.responders, same)) s.wrong(s.line(), "this issuer has a responder already");
  out.responders.push_back(std::move(responder));
}

}  // namespace

void read_revocation(Section s, wire::RevocationSetup& out, const std::string& directory) {
  s.texts("crl_files", [&](const std::string& file, int) { out.crl_files.push_back(file.starts_with('/') ? file : directory + "/" + file); });
  read_urls(s, "crl_urls", out.crl_urls);
  read_urls(s, "delta_urls", out.delta_urls);
  s.flag("distribution_points", out.distribution_points);
  s.flag("aia", out.aia);
  s.flag("nonce", out.nonce);
  s.flag("staple", out.staple);
  std::uint32_t seconds = out.deadline_ms / 1000;
  s.number("deadline", 1, 60, seconds);
  out.deadline_ms = seconds * 1000;
  s.number("list_bytes", 1024, 512 << 20, out.list_bytes);
  std::uint32_t days = out.answer_age / 86400;
  s.number("answer_days", 1, 365, days);
  out.answer_age = days * 86400;
  for (Section& responder : s.sections("responder")) read_responder(std::move(responder), out);
  s.done();
}

}  // namespace tlspool::config
