// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "judge/responders.h"
#include "trust/anchors.h"
#include "wire/revocation_setup.h"

namespace tlspool::judge {

/// OCSP responses for the certificates with which the pool itself is a server: fetched from the responders that these name, or that
/// are configured, renewed at half of their life, and kept in the judge's directory.
class OwnStaples {
 public:
  using OnStaple = std::function<void(const wire::Staple&)>;
  OwnStaples(Loop& loop, Responders& responders, std::string state, OnStaple on_staple)
      : loop_(loop), responders_(responders), state_(std::move(state)), on_staple_(std::move(on_staple)) {}

  /// Replaces what was said before. What is unchanged goes on.
  void set(const wire::OwnCertificates& own);
  /// After a reload: asks anew where nothing is known.
  void set(bool wanted, std::shared_ptr<const trust::Anchors> anchors);

 private:
  struct Entry {
    std::string identity;
    std::shared_ptr<X509> leaf;
    std::shared_ptr<X509> issuer;  ///< null: it is not known
    bool must = false;
    std::int64_t valid_until = 0;  ///< of what the workers have; 0: nothing
    std::chrono::seconds pause{0}; ///< since the last failure
    std::unique_ptr<Timer> timer;
  };
  void begin(const Bytes& digest, const wire::OwnCertificate& own);
  [[nodiscard]] std::shared_ptr<X509> issuer_of(X509* leaf, const wire::OwnCertificate& own) const;
  void ask(const Bytes& digest);
  void heard(const Bytes& digest, const Result<Responders::Heard>& heard);
  void use(const Bytes& digest, Entry& entry, const trust::OcspAnswer& answer, const Bytes& response);
  void failed(const Bytes& digest, Entry& entry, const std::string& problem);
  [[nodiscard]] std::string place_of(const Bytes& digest) const;

  Loop& loop_;
  Responders& responders_;
  std::string state_;
  OnStaple on_staple_;
  bool wanted_ = false;
  std::shared_ptr<const trust::Anchors> anchors_;
  wire::OwnCertificates own_;
  std::map<Bytes, Entry> entries_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tlspool::judge
