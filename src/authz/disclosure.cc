// SPDX-License-Identifier: Apache-2.0
#include "authz/disclosure.h"

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::authz {
namespace {

constexpr std::size_t longest_service = 255;
// All of them go to a worker in one message.
constexpr std::size_t most_rules = 10'000;

// Bits of a set, and indexes of ranks and forms.
enum Key : std::size_t { key_service, key_remote, key_local, key_uid };
constexpr std::uint32_t bit(std::size_t key) { return 1u << key; }

constexpr std::array standing_bits{wire::as_client, wire::as_server, wire::as_peer};

std::size_t number_of(wire::StandingBits standing) {
  return static_cast<std::size_t>(std::ranges::find(standing_bits, standing) - standing_bits.begin());
}

Error mistake(const wire::DisclosureSetup& setup, const wire::PlacedText& text, std::string reason, std::string advice = {}) {
  std::string subject = at_line(setup.file, text.line > 0 ? text.line : setup.line);
  if (text.column > 0) subject += ":" + std::to_string(text.column);
  return {Code::config, "configuration", std::move(subject), "[disclosure] " + std::move(reason), std::move(advice)};
}

Result<std::string> selector(const wire::DisclosureSetup& setup, const wire::PlacedText& text, const char* key) {
  if (text.text.empty()) return std::string{};
  auto normal = trust::normal_selector(text.text);
  if (normal) return normal;
  return fail(mistake(setup, text, std::string(key) + " \"" + printable(text.text) + "\" is no selector: " + normal.error().reason, normal.error().advice));
}

Result<Disclosure> read(const wire::DisclosureSetup& setup) {
  auto local = selector(setup, setup.local, "local");
  if (!local) return fail(std::move(local.error()));
  auto remote = selector(setup, setup.remote, "remote");
  if (!remote) return fail(std::move(remote.error()));
  if (setup.service.text.size() > longest_service) {
    return fail(mistake(setup, setup.service, "service is longer than " + std::to_string(longest_service) + " bytes"));
  }
  if (setup.show == wire::Show::ask && (setup.standings & wire::as_server) != 0) {
    return fail(mistake(setup, {}, "show = \"ask\" is not for servers", "a server must show itself before it knows to whom: say yes or no"));
  }
  if (setup.offer) {
    const auto one = normal_identity(*local);
    if (!one || *one != *local) {
      return fail(mistake(setup, setup.local, "offer = true needs one identity as local", "name the identity that is to be shown"));
    }
    if (setup.show == wire::Show::no) return fail(mistake(setup, {}, "offer = true contradicts show = \"no\""));
    if ((setup.standings & wire::as_server) != 0) {
      return fail(mistake(setup, {}, "offer = true is not for servers", "a server's identity follows from the name that its peer asks for"));
    }
  }
  return Disclosure{*local, *remote, setup.service.text, setup.uids, setup.standings, setup.show, setup.offer, at_line(setup.file, setup.line)};
}

}  // namespace

/// Where the path leads: to `rule`, or to the one that was there before.
std::uint32_t Disclosures::add_path(std::uint32_t scope, const std::vector<std::string>& path, std::uint32_t rule) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool last = i + 1 == path.size();
    const std::uint32_t value = steps_.add(scope, path[i], last ? rule : next_scope_);
    if (!last && value == next_scope_) ++next_scope_;
    scope = value;
  }
  return scope;
}

Result<Disclosures> Disclosures::make(const std::vector<wire::DisclosureSetup>& setups) {
  Disclosures out;
  if (setups.size() > most_rules) {
    return fail(mistake(setups[most_rules], {}, "there are more than " + std::to_string(most_rules) + " of them", "select more by one selector"));
  }
  out.rules_.reserve(setups.size());
  for (const wire::DisclosureSetup& setup : setups) {
    auto rule = read(setup);
    if (!rule) return fail(std::move(rule.error()));
    const auto number = static_cast<std::uint32_t>(out.rules_.size());
    out.rules_.push_back(std::move(*rule));
    const Disclosure& r = out.rules_.back();
    std::vector<std::string> path;
    std::uint32_t set = 0;
    for (const auto& [key, text] : {std::pair(key_service, &r.service), std::pair(key_remote, &r.remote), std::pair(key_local, &r.local)}) {
      if (text->empty()) continue;
      set |= bit(key);
      path.push_back(*text);
    }
    std::vector<std::vector<std::string>> paths;
    if (r.uids.empty()) {
      paths.push_back(path);
    } else {
      set |= bit(key_uid);
      for (const std::uint32_t uid : r.uids) {
        paths.push_back(path);
        paths.back().push_back(std::to_string(uid));
      }
    }
    for (std::size_t standing = 0; standing < standings; ++standing) {
      if ((r.standings & standing_bits[standing]) == 0) continue;
      for (const auto& each : paths) {
        std::uint32_t there = number;
        if (!each.empty()) {
          there = out.add_path(static_cast<std::uint32_t>(standing * sets + set), each, number);
        } else if (out.everything_[standing] == no_rule) {
          out.everything_[standing] = number;
        } else {
          there = out.everything_[standing];
        }
        if (there != number) {
          return fail(mistake(setup, {}, "there is a rule with the same local, remote, service, uid and role already",
                              "the other is at " + out.rules_[there].where));
        }
      }
      out.present_[standing][set] = true;
    }
    if (!r.offer) continue;
    const auto next = static_cast<std::uint32_t>(out.offers_.size());
    const std::uint32_t list = out.offers_at_.add(0, r.remote, next);
    if (list == next) out.offers_.emplace_back();
    out.offers_[list].push_back(number);
  }
  return out;
}

void Disclosures::walk(std::uint32_t set, std::uint32_t scope, std::size_t key, Ranks& ranks, const Query& query, std::vector<Candidate>& out) const {
  if (key == keys) return out.push_back({&rules_[scope], ranks});
  ranks[key] = absent;
  if ((set & bit(key)) == 0) return walk(set, scope, key + 1, ranks, query, out);
  const auto& forms = query.forms[key];
  for (std::uint32_t i = 0; i < forms.size(); ++i) {
    const auto hit = steps_.find(scope, forms[i]);
    if (!hit) continue;
    ranks[key] = i;
    walk(set, *hit, key + 1, ranks, query, out);
  }
}

bool Disclosures::narrower(const Candidate& a, const Candidate& b) {
  return a.ranks != b.ranks && std::ranges::equal(a.ranks, b.ranks, [](std::uint32_t x, std::uint32_t y) { return x <= y; });
}

Disclosures::Decision Disclosures::decide(const Showing& showing) const {
  if (rules_.empty()) return {};
  const std::size_t standing = number_of(showing.standing);
  Query query;
  if (!showing.service.empty()) query.forms[key_service] = {std::string(showing.service)};
  query.forms[key_remote] = trust::selectors_of(showing.remote);
  query.forms[key_local] = trust::selectors_of(showing.local);
  query.forms[key_uid] = {std::to_string(showing.uid)};
  std::vector<Candidate> found;
  Ranks ranks{};
  if (everything_[standing] != no_rule) found.push_back({&rules_[everything_[standing]], {absent, absent, absent, absent}});
  for (std::uint32_t set = 1; set < sets; ++set) {
    if (present_[standing][set]) walk(set, static_cast<std::uint32_t>(standing * sets + set), 0, ranks, query, found);
  }
  Decision out;
  for (const Candidate& candidate : found) {
    if (std::ranges::any_of(found, [&](const Candidate& other) { return narrower(other, candidate); })) continue;
    if (out.rule == nullptr || candidate.rule->show < out.show) out = {candidate.rule->show, candidate.rule};
  }
  return out;
}

std::vector<const Disclosure*> Disclosures::offers(const Showing& showing) const {
  std::vector<const Disclosure*> out;
  if (offers_.empty()) return out;
  std::vector<std::string> forms = trust::selectors_of(showing.remote);
  forms.emplace_back();
  for (const std::string& form : forms) {
    const auto list = offers_at_.find(0, form);
    if (!list) continue;
    for (const std::uint32_t number : offers_[*list]) {
      const Disclosure& rule = rules_[number];
      const bool fits = (rule.standings & showing.standing) != 0 && (rule.service.empty() || rule.service == showing.service) &&
                        (rule.uids.empty() || contains(rule.uids, showing.uid));
      if (fits) out.push_back(&rule);
    }
    if (!out.empty()) break;
  }
  return out;
}

}  // namespace tlspool::authz
