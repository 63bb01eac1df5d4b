// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "trust/peer_facts.h"
#include "wire/judge_admin.h"

namespace tlspool::trust {

/// What an administrator typed: "spki:HEX" or 64 digits, "serial:HEX" or other hexadecimal digits (also "AB:CD:..."), and else a
/// selector, which may be written "selector:TEXT" where it looks like digits. `issuer`: of a serial, RFC 2253.
[[nodiscard]] Result<wire::RevokedRow> parse_revocation(std::string_view text, const std::string& issuer, std::int64_t now);
/// "selector .example", "serial 1A2B of CN=Some CA", "key 9F...".
[[nodiscard]] std::string text_of(const wire::RevokedRow& row);

/// Peers that are refused whatever else is known of them.
class Revoked {
 public:
  /// False: it is there already.
  bool add(wire::RevokedRow row);
  bool remove(const wire::RevokedRow& row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  /// By which row the peer is revoked; null: by none. A few lookups, however many rows there are.
  [[nodiscard]] const wire::RevokedRow* find(const PeerFacts& peer) const;
  [[nodiscard]] std::vector<wire::RevokedRow> rows() const;
  /// SHA-256 of what is revoked; empty where nothing is.
  [[nodiscard]] Bytes digest() const;

  /// The file's text: docs/formats.md.
  [[nodiscard]] std::string text() const;
  /// Strict; `path` is for the error, which names the line.
  [[nodiscard]] static Result<Revoked> parse(std::string_view text, const std::string& path);

 private:
  [[nodiscard]] const wire::RevokedRow* find_name(const std::string& name) const;
  [[nodiscard]] const wire::RevokedRow* find_key(const std::string& key) const;

  std::map<std::string, wire::RevokedRow> rows_;  ///< by kind and what it is
};

}  // namespace tlspool::trust
