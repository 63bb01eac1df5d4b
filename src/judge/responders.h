// SPDX-License-Identifier: Apache-2.0
// What OCSP responders have said.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "judge/http.h"
#include "trust/ocsp.h"
#include "wire/revocation_setup.h"

namespace tlspool::judge {

class Responders {
 public:
  explicit Responders(Loop& loop) : http_(loop) {}
  void set(const wire::RevocationSetup& setup) { setup_ = setup; }

  /// Whom to ask about a certificate of `issuer`: the configured one, or those that the certificate names. Empty: nobody is known.
  enum class Named { as_configured, always };
  [[nodiscard]] std::vector<std::string> known_for(const X509* certificate, const X509* issuer, Named named) const;

  struct Heard {
    trust::OcspAnswer answer;
    Bytes response;  ///< as it came
  };
  using OnHeard = std::function<void(const Result<Heard>&)>;
  enum class Freshness { any, new_one };
  /// Asks one of `urls` after the other until one says something that counts. All who ask for a certificate at a time share one request;
  /// an answer is remembered for an hour at most, a failure for ten seconds. `on_heard` is called once, maybe at once.
  void ask(X509* certificate, X509* issuer, const std::vector<std::string>& urls, Freshness freshness, OnHeard on_heard);
  [[nodiscard]] trust::OcspRules rules() const;

 private:
  struct Question {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<X509> issuer;
    std::vector<std::string> urls;
    std::size_t next = 0;
    std::string problems;
    std::vector<OnHeard> waiting;
  };
  struct Memory {
    Result<Heard> heard;
    std::int64_t until = 0;
  };
  void ask_next(const Bytes& key);
  void settle(const Bytes& key, Result<Heard> heard);

  wire::RevocationSetup setup_;
  std::map<Bytes, Question> asked_;
  std::map<Bytes, Memory> remembered_;
  Http http_;
};

}  // namespace tlspool::judge
