// SPDX-License-Identifier: Apache-2.0
#include "config/disclosure.h"

#include "base/text.h"

namespace tlspool::config {
namespace {

void read_standings(Section& s, std::uint8_t& out) {
  std::uint8_t named = 0;
  s.texts("role", [&](const std::string& word, int line) {
    if (word == "client") {
      named |= wire::as_client;
    } else if (word == "server") {
      named |= wire::as_server;
    } else if (word == "peer") {
      named |= wire::as_peer;
    } else {
      s.wrong(line, "role must be \"client\", \"server\" or \"peer\", not \"" + printable(word) + "\"");
    }
  });
  if (!s.has("role")) return;
  out = named;
  if (out == 0) s.wrong("role", "names no role");
}

}  // namespace

void read_disclosures(Section& root, Config& config) {
  for (Section& s : root.sections("disclosure")) {
    wire::DisclosureSetup rule;
    rule.file = s.file();
    rule.line = static_cast<std::uint32_t>(s.line());
    for (const auto& [key, text] : {std::pair("local", &rule.local), std::pair("remote", &rule.remote), std::pair("service", &rule.service)}) {
      s.placed_text(key, *text);
      if (s.has(key) && text->text.empty()) s.wrong(key, "is empty", "leave it out where it makes no difference");
    }
    const std::size_t names = config.allow_names.size();
    AllowName name{AllowName::Table::disclosure, config.disclosures.size(), AllowName::Kind::user, {}, {}};
    read_ids(s, "uid", std::move(name), rule.uids, config);
    if (s.has("uid") && rule.uids.empty() && config.allow_names.size() == names) {
      s.wrong("uid", "names nobody", "leave it out where it makes no difference");
    }
    read_standings(s, rule.standings);
    std::string show;
    s.needed_text("show", show);
    s.word<wire::Show>("show", {{"yes", wire::Show::yes}, {"no", wire::Show::no}, {"ask", wire::Show::ask}}, rule.show);
    s.flag("offer", rule.offer);
    s.done();
    config.disclosures.push_back(std::move(rule));
  }
}

}  // namespace tlspool::config
