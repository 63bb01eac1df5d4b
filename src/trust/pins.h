// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/openssl.h"
#include "wire/judge_admin.h"

namespace tlspool::trust {

/// What pins are compared with, each a SHA-256.
struct SeenLeaf {
  Bytes key;
  Bytes certificate;
};
[[nodiscard]] SeenLeaf seen_leaf(const X509* leaf);

/// A name in the form under which it is pinned: normalised, or a URI as it is. Code::invalid where it is neither.
[[nodiscard]] Result<std::string> pin_identity(const std::string& name);

/// Keys and certificates that identities are known by, found by one hash lookup however many there are.
class Pins {
 public:
  enum class Says {
    nothing,  ///< nothing is pinned for the identity
    yes,
    no,       ///< others are
  };
  struct Answer {
    Says says = Says::nothing;
    const wire::PinRow* pin = nullptr;  ///< yes: that one; no: one of the others. Until the next change.
  };
  /// `identity` is normalised. A pin for a service counts for it alone, and one without for all of them; one that has
  /// expired does not count.
  [[nodiscard]] Answer look(const std::string& identity, std::string_view service, const SeenLeaf& seen, std::int64_t now) const;

  /// Takes the place of one for the same identity, service and digest, if there is one, and of those for the same identity and service
  /// that have expired.
  void add(wire::PinRow pin);
  /// How many there were. An empty digest means all of them, and so does no service.
  std::size_t remove(const std::string& identity, const Bytes& digest, const std::optional<std::string>& service);

  /// `shown` is not what is pinned. True: that is news, namely another key than the last time.
  bool note_change(const std::string& identity, std::string_view service, const wire::PinRow& pinned, const Bytes& shown, std::int64_t now);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// By identity, then by service.
  [[nodiscard]] std::vector<wire::PinRow> rows() const;
  [[nodiscard]] std::vector<wire::PinChange> changes() const;

  /// The file's text: docs/formats.md.
  [[nodiscard]] std::string text() const;
  /// Strict; `path` is for the error, which names the line.
  [[nodiscard]] static Result<Pins> parse(std::string_view text, const std::string& path);

 private:
  struct Known {
    std::vector<wire::PinRow> pins;
    std::optional<wire::PinChange> change;
  };
  [[nodiscard]] std::vector<const std::pair<const std::string, Known>*> sorted() const;
  Status take_row(const std::vector<std::string>& words);

  std::unordered_map<std::string, Known> by_identity_;
  std::size_t size_ = 0;
};

}  // namespace tlspool::trust
