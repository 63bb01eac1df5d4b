// SPDX-License-Identifier: Apache-2.0
// Lists of revoked certificates (RFC 5280 section 5).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/openssl.h"

namespace tlspool::trust {

/// A serial number as lists are searched for it: the bytes of its INTEGER.
[[nodiscard]] Bytes serial_of(const X509* certificate);

class Crl {
 public:
  /// What a list says of one certificate.
  enum class Entry {
    none,     ///< nothing
    revoked,  ///< or held
    removed,  ///< a delta list: no longer held
  };

  /// Reads PEM, of one list or several, or DER, of at most `most_bytes`; `subject` names it in errors. Refused: what is malformed, what is only for attribute
  /// certificates or for some reasons, what names certificates of other issuers, and what has critical extensions that nobody here
  /// knows. OpenSSL would take ten times the memory for a large one.
  [[nodiscard]] static Result<std::vector<Crl>> read(ByteView text, std::size_t most_bytes, const std::string& subject);

  /// Whether `issuer` has signed it, by name, key usage and signature. Before that it says nothing. Reads the whole list.
  [[nodiscard]] Status verify(X509* issuer);
  /// That it was found to be signed with this key.
  [[nodiscard]] bool verified_by(const X509* issuer) const;
  /// Whether the name of its issuer is this certificate's subject.
  [[nodiscard]] bool issued_by(const X509* issuer) const;

  /// Why it is no list for this certificate of its issuer; empty: it is.
  [[nodiscard]] std::string not_for(const X509* certificate) const;
  /// Why it can't be used at `now`; empty: it can.
  [[nodiscard]] std::string out_of_date(std::int64_t now) const;
  /// Why this delta list does not go with `base`; empty: it does.
  [[nodiscard]] std::string does_not_continue(const Crl& base) const;
  /// Whether `base` is newer than this delta list, and so says all that it does.
  [[nodiscard]] bool superseded_by(const Crl& base) const;
  [[nodiscard]] Entry find(ByteView serial) const;

  [[nodiscard]] std::int64_t this_update() const { return this_update_; }
  /// Until when it holds.
  [[nodiscard]] std::int64_t next_update() const { return next_update_; }
  [[nodiscard]] bool delta() const { return base_.has_value(); }
  /// Where it says that delta lists are to be had.
  [[nodiscard]] const std::vector<std::string>& deltas() const { return deltas_; }
  [[nodiscard]] std::size_t count() const { return entries_.size(); }
  /// As it was read, until it is verified.
  [[nodiscard]] const Bytes& der() const { return der_; }
  /// Of memory, roughly.
  [[nodiscard]] std::size_t size() const { return der_.size() + serials_.size() + entries_.size() * sizeof(Place) + 1024; }
  [[nodiscard]] const std::string& subject() const { return subject_; }

 private:
  struct Place {
    std::uint32_t at = 0;  // in serials_
    std::uint8_t size = 0;
    bool removed = false;
  };
  friend class CrlParser;
  [[nodiscard]] ByteView serial(const Place& place) const { return ByteView(serials_).subspan(place.at, place.size); }

  std::string subject_;
  Bytes der_;                // until it is verified
  Bytes verified_by_;        // digest of the SPKI
  Bytes issuer_;             // DER of the name
  std::int64_t this_update_ = 0;
  std::int64_t next_update_ = 0;
  std::optional<Bytes> number_;
  std::optional<Bytes> base_;  // delta: number of the list that it continues
  bool users_only_ = false;
  bool cas_only_ = false;
  Bytes scope_;                     // issuing distribution point as it stands there
  std::vector<std::string> points_;  // it is only for certificates that name one of these; empty: no such bound
  bool bounded_ = false;
  std::vector<std::string> deltas_;
  Bytes serials_;
  std::vector<Place> entries_;  // by size and bytes of the serial number
};

}  // namespace tlspool::trust
