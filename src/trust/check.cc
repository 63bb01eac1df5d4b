// SPDX-License-Identifier: Apache-2.0
#include "trust/check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace tlspool::trust {
namespace {

enum class Takes : std::uint8_t { nothing, oid, bits, role, days };

struct Spelling {
  std::string_view name;
  CheckKind kind;
  Takes takes = Takes::nothing;
};

constexpr std::array spellings{
    Spelling{"chain", CheckKind::chain},
    Spelling{"selfsigned", CheckKind::selfsigned},
    Spelling{"name", CheckKind::name},
    Spelling{"domain-for-user", CheckKind::domain_for_user},
    Spelling{"dane", CheckKind::dane},
    Spelling{"dane-if-present", CheckKind::dane_if_present},
    Spelling{"pin", CheckKind::pin},
    Spelling{"pin-or-first-use", CheckKind::pin_or_first_use},
    Spelling{"crl", CheckKind::crl},
    Spelling{"crl-if-present", CheckKind::crl_if_present},
    Spelling{"ocsp", CheckKind::ocsp},
    Spelling{"ocsp-if-known", CheckKind::ocsp_if_known},
    Spelling{"stapled", CheckKind::stapled},
    Spelling{"forward-secrecy", CheckKind::forward_secrecy},
    Spelling{"psk", CheckKind::psk},
    Spelling{"qkd", CheckKind::qkd},
    Spelling{"quantum-safe", CheckKind::quantum_safe},
    Spelling{"extension", CheckKind::extension, Takes::oid},
    Spelling{"key-strength", CheckKind::key_strength, Takes::bits},
    Spelling{"local-role", CheckKind::local_role, Takes::role},
    Spelling{"age", CheckKind::age, Takes::days},
};

// No key or digest that TLS uses has more.
constexpr std::uint32_t most_bits = 256;
constexpr std::uint32_t most_days = 36500;
constexpr std::size_t longest_oid = 128;

std::string_view example(Takes takes) {
  switch (takes) {
    case Takes::nothing: return {};
    case Takes::oid: return "OID";
    case Takes::bits: return "N";
    case Takes::role: return "client|server";
    case Takes::days: return "days";
  }
  return {};
}

std::string_view expected(Takes takes) {
  switch (takes) {
    case Takes::nothing: return {};
    case Takes::oid: return "an object identifier such as 1.3.6.1.5.5.7.1.24";
    case Takes::bits: return "bits of security, 1 to 256";
    case Takes::role: return "client or server";
    case Takes::days: return "days, 1 to 36500";
  }
  return {};
}

/// Decimal digits without a zero in front.
std::optional<std::uint32_t> number(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '9' || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  std::uint32_t out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

bool is_oid(std::string_view text) {
  if (text.size() > longest_oid) return false;
  const auto arcs = split(text, '.');
  if (arcs.size() < 2 || !std::all_of(arcs.begin(), arcs.end(), [](const std::string& arc) { return number(arc).has_value(); })) return false;
  return *number(arcs[0]) < 2 ? *number(arcs[1]) < 40 : *number(arcs[0]) == 2;
}

bool fits(Takes takes, Check& check) {
  switch (takes) {
    case Takes::nothing: return false;
    case Takes::oid: return is_oid(check.argument);
    case Takes::role: return check.argument == "client" || check.argument == "server";
    case Takes::bits:
    case Takes::days: break;
  }
  const auto given = number(check.argument);
  if (!given || *given == 0 || *given > (takes == Takes::bits ? most_bits : most_days)) return false;
  check.number = *given;
  return true;
}

/// How many letters must be put in, left out or changed to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, corner + 1});
    }
  }
  return row.back();
}

Mistake unknown(std::string_view name) {
  std::string all;
  for (const std::string& known : known_checks()) all += (all.empty() ? "" : ", ") + known;
  Mistake out{0, "there is no check \"" + printable(name, 64) + "\"", "known checks: " + all};
  const std::string small = lower(name.substr(0, 64));
  for (const Spelling& s : spellings) {
    if (distance(small, s.name) <= 2) out.advice = "did you mean " + std::string(s.name) + "?";
  }
  return out;
}

}  // namespace

std::string Check::text() const {
  for (const Spelling& s : spellings) {
    if (s.kind == kind) return std::string(s.name) + (argument.empty() ? "" : "(" + argument + ")");
  }
  return {};
}

tl::expected<Check, Mistake> make_check(std::string_view name, const std::string_view* argument) {
  const auto s = std::find_if(spellings.begin(), spellings.end(), [&](const Spelling& s) { return s.name == name; });
  if (s == spellings.end()) return tl::unexpected(unknown(name));
  Check out{s->kind, {}, 0};
  if (argument == nullptr && s->takes == Takes::nothing) return out;
  if (argument == nullptr) {
    return tl::unexpected(Mistake{0, std::string(name) + " needs an argument", "write " + std::string(name) + "(" + std::string(example(s->takes)) + ")"});
  }
  if (s->takes == Takes::nothing) return tl::unexpected(Mistake{1, std::string(name) + " takes no argument", {}});
  out.argument = *argument;
  if (!fits(s->takes, out)) {
    return tl::unexpected(Mistake{1, "expected " + std::string(expected(s->takes)) + " in " + std::string(name) + "(), found \"" + printable(*argument, 64) + "\"", {}});
  }
  return out;
}

std::vector<std::string> known_checks() {
  std::vector<std::string> out;
  for (const Spelling& s : spellings) {
    out.push_back(std::string(s.name) + (s.takes == Takes::nothing ? "" : "(" + std::string(example(s.takes)) + ")"));
  }
  return out;
}

bool implies(const Check& a, const Check& b) {
  if (a == b) return true;
  switch (a.kind) {
    case CheckKind::dane: return b.kind == CheckKind::dane_if_present;
    case CheckKind::pin: return b.kind == CheckKind::pin_or_first_use;
    case CheckKind::crl: return b.kind == CheckKind::crl_if_present;
    case CheckKind::ocsp: return b.kind == CheckKind::ocsp_if_known;
    case CheckKind::qkd: return b.kind == CheckKind::psk;
    case CheckKind::key_strength: return b.kind == CheckKind::key_strength && a.number >= b.number;
    case CheckKind::age: return b.kind == CheckKind::age && a.number <= b.number;
    case CheckKind::chain:
    case CheckKind::selfsigned:
    case CheckKind::name:
    case CheckKind::domain_for_user:
    case CheckKind::dane_if_present:
    case CheckKind::pin_or_first_use:
    case CheckKind::crl_if_present:
    case CheckKind::ocsp_if_known:
    case CheckKind::stapled:
    case CheckKind::forward_secrecy:
    case CheckKind::psk:
    case CheckKind::quantum_safe:
    case CheckKind::extension:
    case CheckKind::local_role: return false;
  }
  return false;
}

bool alternatives(const Check& a, const Check& b) {
  return a.kind == CheckKind::local_role && b.kind == CheckKind::local_role && a.argument != b.argument;
}

bool may_ask_network(CheckKind kind) {
  switch (kind) {
    case CheckKind::dane:
    case CheckKind::dane_if_present:
    case CheckKind::crl:
    case CheckKind::crl_if_present:
    case CheckKind::ocsp:
    case CheckKind::ocsp_if_known: return true;
    case CheckKind::chain:
    case CheckKind::selfsigned:
    case CheckKind::name:
    case CheckKind::domain_for_user:
    case CheckKind::pin:
    case CheckKind::pin_or_first_use:
    case CheckKind::stapled:
    case CheckKind::forward_secrecy:
    case CheckKind::psk:
    case CheckKind::qkd:
    case CheckKind::quantum_safe:
    case CheckKind::extension:
    case CheckKind::key_strength:
    case CheckKind::local_role:
    case CheckKind::age: return false;
  }
  return false;
}

bool rests_on_memory(CheckKind kind) { return kind == CheckKind::pin || kind == CheckKind::pin_or_first_use; }

}  // namespace tlspool::trust
