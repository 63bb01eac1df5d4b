// SPDX-License-Identifier: Apache-2.0
#include "trust/selector.h"

#include <algorithm>

#include "base/contains.h"
#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::size_t longest_user = 256;

/// Of a domain, narrowest first: a.b.c, .b.c, .c and the dot.
std::vector<std::string_view> forms(std::string_view domain) {
  std::vector<std::string_view> out{domain};
  if (!is_ip_address(domain)) {
    for (std::size_t at = domain.find('.'); at != std::string_view::npos; at = domain.find('.', at + 1)) out.push_back(domain.substr(at));
  }
  out.push_back(".");
  return out;
}

/// No such domain exists, and an address has no part that others are below.
bool ends_in_number(std::string_view domain) {
  const std::string_view last = domain.substr(domain.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
}

}  // namespace

Result<std::string> normal_selector(std::string_view text) {
  const auto bad = [&](std::string reason, std::string advice = {}) {
    return fail({Code::invalid, "selector", printable(text), std::move(reason), std::move(advice)});
  };
  const auto at = text.rfind('@');
  const std::string user(at == std::string_view::npos ? std::string_view{} : text.substr(0, at + 1));
  std::string_view domain = at == std::string_view::npos ? text : text.substr(at + 1);
  if (user.size() > longest_user) return bad("the user name is longer than " + std::to_string(longest_user - 1) + " bytes");
  const auto control = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), control)) return bad("it has a blank or a control character");
  if (domain.empty()) return bad("it names no domain", "for all domains write a dot");
  if (text.find('*') != std::string_view::npos) return bad("it has a *", "write .example for all that ends in .example, and @example for all its users");
  const bool below = domain[0] == '.';
  if (below) domain.remove_prefix(1);
  if (below && domain.empty()) return user + ".";
  const auto normal = normal_host(domain);
  if (!normal) return bad(normal.error().reason);
  const bool address = is_ip_address(*normal);
  if (below && address) return bad("nothing is below an address");
  if (!address && ends_in_number(*normal)) return bad("it ends in a number but is no address");
  return user + (below ? "." : "") + *normal;
}

bool is_uri(std::string_view name) {
  const auto colon = name.find(':');
  return colon != std::string_view::npos && colon < name.find('@') && !is_ip_address(name);
}

std::vector<std::string> selectors_of(std::string_view identity) {
  std::vector<std::string> out;
  if (identity.empty() || is_uri(identity)) return out;
  const auto at = identity.rfind('@');
  if (at == std::string_view::npos) {
    for (const std::string_view form : forms(identity)) out.emplace_back(form);
    return out;
  }
  const std::string user(identity.substr(0, at + 1));
  for (const std::string_view form : forms(identity.substr(at + 1))) {
    out.push_back(user + std::string(form));
    out.push_back("@" + std::string(form));
  }
  return out;
}

bool selects(std::string_view selector, std::string_view identity) {
  const auto all = selectors_of(identity);
  return contains(all, selector);
}

std::uint32_t SelectorIndex::add(std::uint32_t scope, std::string_view selector, std::uint32_t value) {
  return values_.try_emplace(Key{scope, std::string(selector)}, value).first->second;
}

std::optional<std::uint32_t> SelectorIndex::find(std::uint32_t scope, std::string_view selector) const {
  const auto found = values_.find(View{scope, selector});
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tlspool::trust
