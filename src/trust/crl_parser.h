// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "trust/crl.h"
#include "trust/der.h"

namespace tlspool::trust {

/// Fills a Crl from its DER. Each step is false where the list is malformed or can't be used; problem() says why.
class CrlParser {
 public:
  explicit CrlParser(Crl& crl) : crl_(crl) {}
  [[nodiscard]] bool parse(ByteView der);
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool wrong(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool body(ByteView content);
  bool time(DerReader& in, std::int64_t& out);
  bool entries(ByteView content);
  bool entry(ByteView content);
  bool entry_extensions(ByteView content, bool& removed);
  bool extensions(ByteView content);
  bool extension(ByteView oid, bool critical, ByteView value);
  bool distribution_point(ByteView value);

  Crl& crl_;
  std::string problem_;
};

}  // namespace tlspool::trust
