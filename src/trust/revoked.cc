// SPDX-License-Identifier: Apache-2.0
#include "trust/revoked.h"

#include <openssl/sha.h>

#include <algorithm>

#include "base/text.h"
#include "tls/openssl.h"
#include "trust/selector.h"
#include "trust/state_text.h"

namespace tlspool::trust {
namespace {

using wire::RevokedBy;
using wire::RevokedRow;

constexpr std::size_t longest_revoked_serial = 20;  // RFC 5280 section 4.1.2.2
constexpr std::size_t longest_issuer = 1024;

constexpr std::string_view word(RevokedBy by) {
  switch (by) {
    case RevokedBy::selector: return "selector";
    case RevokedBy::serial: return "serial";
    case RevokedBy::key: return "key";
  }
  return "";
}

// No two rows have the same: an issuer, the last part, may hold anything.
std::string key_of(RevokedBy by, std::string_view what, std::string_view issuer = {}) {
  std::string out(word(by));
  out += ' ';
  out += what;
  out += ' ';
  return out += issuer;
}
std::string key_of(const RevokedRow& row) { return key_of(row.by, row.by == RevokedBy::selector ? row.selector : hex(row.digits), row.issuer); }

tl::unexpected<Error> bad(std::string_view text, std::string reason, std::string advice = {}) {
  return fail({Code::invalid, "revoke", printable(text), std::move(reason), std::move(advice)});
}

bool hexadecimal(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdefABCDEF:";
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos && text.find_first_not_of(':') != std::string_view::npos;
}

/// An IPv6 address may look like the bytes of a serial number between colons; those are of two digits each.
bool is_address(std::string_view text) {
  const auto groups = split(text, ':');
  return is_ip_address(text) && !std::all_of(groups.begin(), groups.end(), [](const std::string& group) { return group.size() == 2; });
}

/// With or without colons, and with an odd number of digits, as openssl prints small ones.
Result<Bytes> digits_of(std::string_view text, std::string_view whole) {
  std::string plain;
  for (const char c : text) {
    if (c != ':') plain += c;
  }
  if (plain.size() % 2 != 0) plain.insert(0, "0");
  const auto bytes = unhex(plain);
  if (plain.empty() || !bytes) return bad(whole, "it has other characters than hexadecimal digits");
  return *bytes;
}

Result<RevokedRow> serial_row(std::string_view digits, std::string_view whole) {
  auto serial = digits_of(digits, whole);
  if (!serial) return fail(std::move(serial.error()));
  serial->erase(serial->begin(), std::find_if(serial->begin(), serial->end(), [](std::uint8_t b) { return b != 0; }));
  if (serial->empty()) return bad(whole, "no certificate has the serial number 0");
  if (serial->size() > longest_revoked_serial) return bad(whole, "a serial number has at most 40 digits, and the digest of a key has 64");
  return RevokedRow{RevokedBy::serial, {}, std::move(*serial), {}, 0};
}

Result<RevokedRow> key_row(std::string_view digits, std::string_view whole) {
  auto digest = digits_of(digits, whole);
  if (!digest) return fail(std::move(digest.error()));
  if (digest->size() != SHA256_DIGEST_LENGTH) return bad(whole, "the SHA-256 of a key has 64 digits", "`tlspool pin-peer list` and openssl print it");
  return RevokedRow{RevokedBy::key, {}, std::move(*digest), {}, 0};
}

Result<RevokedRow> selector_row(std::string_view text) {
  auto selector = normal_selector(text);
  if (!selector) return fail(std::move(selector.error()));
  const std::string domain = selector->substr(selector->rfind('@') + 1);  // npos + 1 is 0
  if (domain.find(':') != std::string::npos && !is_ip_address(domain)) return bad(text, "it is neither a selector of names nor serial:HEX nor spki:HEX");
  return RevokedRow{RevokedBy::selector, std::move(*selector), {}, {}, 0};
}

Result<RevokedRow> row_of(std::string_view text) {
  const auto behind = [&](std::string_view prefix) -> std::optional<std::string_view> {
    return text.starts_with(prefix) ? std::optional(text.substr(prefix.size())) : std::nullopt;
  };
  if (const auto digits = behind("serial:")) return serial_row(*digits, text);
  if (const auto digits = behind("spki:")) return key_row(*digits, text);
  if (const auto selector = behind("selector:")) return selector_row(*selector);
  if (!hexadecimal(text) || is_address(text)) return selector_row(text);
  const auto colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  return text.size() - colons == 2 * SHA256_DIGEST_LENGTH ? key_row(text, text) : serial_row(text, text);
}

/// A name of a certificate in the form that selectors select; "*.b.c" stands for what is below b.c.
std::string selectable(const std::string& name) {
  const bool wildcard = name.starts_with("*.");
  const auto normal = normal_identity(wildcard ? name.substr(2) : name);
  if (!normal) return {};
  return wildcard ? "*." + *normal : *normal;
}

}  // namespace

Result<RevokedRow> parse_revocation(std::string_view text, const std::string& issuer, std::int64_t now) {
  auto row = row_of(text);
  if (!row) return row;
  if (!issuer.empty() && row->by != RevokedBy::serial) return bad(text, "an issuer goes with a serial number alone");
  if (issuer.size() > longest_issuer) return bad(text, "the issuer is too long");
  row->issuer = printable(issuer, longest_issuer);
  row->added = now;
  return row;
}

std::string text_of(const RevokedRow& row) {
  std::string out(word(row.by));
  out += ' ';
  if (row.by == RevokedBy::selector) return out + printable(row.selector);
  out += hex(row.digits);
  return row.issuer.empty() ? out : out + " of " + row.issuer;
}

bool Revoked::add(RevokedRow row) {
  const std::string key = key_of(row);
  return rows_.emplace(key, std::move(row)).second;
}

bool Revoked::remove(const RevokedRow& row) { return rows_.erase(key_of(row)) != 0; }

const RevokedRow* Revoked::find_key(const std::string& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

const RevokedRow* Revoked::find_name(const std::string& name) const {
  for (const std::string& selector : selectors_of(selectable(name))) {
    if (const auto* row = find_key(key_of(RevokedBy::selector, selector))) return row;
  }
  return nullptr;
}

const RevokedRow* Revoked::find(const PeerFacts& peer) const {
  if (rows_.empty()) return nullptr;
  for (const std::string& name : peer.names) {
    if (const auto* row = find_name(name)) return row;
  }
  if (!peer.leaf.key.empty()) {
    if (const auto* row = find_key(key_of(RevokedBy::key, hex(peer.leaf.key)))) return row;
  }
  if (peer.leaf.serial.empty()) return nullptr;
  const std::string serial = hex(peer.leaf.serial);
  const RevokedRow* row = find_key(key_of(RevokedBy::serial, serial));
  return row != nullptr ? row : find_key(key_of(RevokedBy::serial, serial, peer.leaf.issuer));
}

std::vector<RevokedRow> Revoked::rows() const {
  std::vector<RevokedRow> out;
  for (const auto& [key, row] : rows_) out.push_back(row);
  return out;
}

Bytes Revoked::digest() const {
  if (rows_.empty()) return {};
  Bytes all;
  for (const auto& [key, row] : rows_) append_sized(all, view(key));
  return tls::sha256(all);
}

std::string Revoked::text() const {
  StateText out("revoked");
  for (const auto& [key, row] : rows_) {
    out.add({word(row.by), row.by == RevokedBy::selector ? row.selector : hex(row.digits), row.issuer, std::to_string(row.added)});
  }
  return out.take();
}

Result<Revoked> Revoked::parse(std::string_view text, const std::string& path) {
  const auto rows = read_state_text(text, "revoked", path);
  if (!rows) return fail(rows.error());
  Revoked out;
  for (const StateRow& line : *rows) {
    const auto wrong = [&](std::string reason) {
      return fail({Code::config, "read", at_line(path, line.line), std::move(reason), "mend the file, or move it away; then reload"});
    };
    const auto& words = line.words;
    if (words.size() != 4) return wrong("it has " + std::to_string(words.size()) + " words instead of 4");
    auto row = words[0] == word(RevokedBy::selector) ? selector_row(words[1])
               : words[0] == word(RevokedBy::serial) ? serial_row(words[1], words[1])
               : words[0] == word(RevokedBy::key)    ? key_row(words[1], words[1])
                                                     : Result<RevokedRow>(bad(words[0], "it is neither selector nor serial nor key"));
    if (!row) return wrong(row.error().reason);
    const auto added = state_number(words[3]);
    if (!added) return wrong(added.error().reason);
    row->issuer = words[2];
    row->added = *added;
    if (!row->issuer.empty() && row->by != RevokedBy::serial) return wrong("an issuer goes with a serial number alone");
    if (!out.add(std::move(*row))) return wrong("it is there twice");
  }
  return out;
}

}  // namespace tlspool::trust
