// SPDX-License-Identifier: Apache-2.0
#include "wire/authorization.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::wire {
namespace {

constexpr std::size_t most_items = 64;
constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_text = 1024;
constexpr std::size_t most_bytes = 8192;

tl::unexpected<Error> wrong(std::string reason) { return fail({Code::invalid, "attributes", "", std::move(reason), {}}); }

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// A log or a terminal would take them for more than text.
bool is_text(const std::string& text) {
  return text.size() <= longest_text &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

}  // namespace

Status check_attributes(const Attributes& attributes) {
  if (attributes.groups.size() > most_items) return wrong("more than 64 groups");
  if (attributes.values.size() > most_items) return wrong("more than 64 attributes");
  if (!is_text(attributes.alias)) return wrong("the alias is longer than 1024 bytes or has a control character");
  std::size_t bytes = attributes.alias.size();
  for (const std::string& group : attributes.groups) {
    if (group.empty() || !is_text(group)) return wrong("a group is empty, longer than 1024 bytes or has a control character");
    bytes += group.size();
  }
  for (const auto& [name, value] : attributes.values) {
    if (!is_name(name)) return wrong("\"" + printable(name, longest_name) + "\" is no name of an attribute: 1 to 64 characters, ASCII without blanks");
    if (!is_text(value)) return wrong("the attribute " + name + " is longer than 1024 bytes or has a control character");
    bytes += name.size() + value.size();
  }
  if (bytes > most_bytes) return wrong("alias, groups and attributes have more than 8192 bytes together");
  return {};
}

}  // namespace tlspool::wire
