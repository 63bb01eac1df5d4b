// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "judge/lists.h"
#include "judge/source.h"

namespace tlspool::judge {

/// One question of `crl` or `crl-if-present`: finds the lists for each certificate of the path, and looks again whenever one has come.
class CrlQuestion : public std::enable_shared_from_this<CrlQuestion> {
 public:
  enum class Absence { no_answer, good };  ///< of a list: what it means that none is named
  CrlQuestion(Lists& lists, std::shared_ptr<const wire::RevocationSetup> setup, SubjectPtr subject, Absence absence)
      : lists_(lists), setup_(std::move(setup)), subject_(std::move(subject)), absence_(absence) {}

  /// The answer, or none yet: then `on_answer` gets it later.
  std::optional<CheckAnswer> start(Source::OnAnswer on_answer);

 private:
  // What is known of one certificate.
  struct Finding {
    enum class State { good, revoked, waits, open, unnamed } state = State::open;
    std::string reason;
    std::int64_t valid_until = 0;
  };
  // The list that counts among some, and why others do not.
  struct Choice {
    ListPtr list;
    bool waits = false;
    bool superseded = false;  // delta lists: the whole list is newer than one that is in date
    std::string problems;
  };

  void look();
  [[nodiscard]] std::optional<CheckAnswer> conclude();
  [[nodiscard]] Finding look_at(X509* certificate, X509* issuer);
  [[nodiscard]] Choice whole_list(X509* certificate, X509* issuer, bool& named);
  [[nodiscard]] Choice delta_list(X509* certificate, X509* issuer, const ListPtr& whole, bool& wanted);
  /// Null: it is on its way.
  const Lists::Found* get(const std::string& from, bool is_file);
  enum class Kind { whole, delta };
  /// True where one of them is the issuer's.
  bool consider(const Lists::Found& found, Kind kind, X509* certificate, X509* issuer, const ListPtr& whole, Choice& choice);

  Lists& lists_;
  std::shared_ptr<const wire::RevocationSetup> setup_;
  SubjectPtr subject_;
  Absence absence_;
  Source::OnAnswer on_answer_;
  std::map<std::string, std::optional<Lists::Found>> got_;
  bool looking_ = false;
};

}  // namespace tlspool::judge
