// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <set>
#include <string>
#include <vector>

#include "qkd/check_probe.h"
#include "qkd/check_report.h"

namespace tlspool::qkd {

/// Who takes part in a conformance check. Without `slave` the checks that need the slave's entity are left out, without
/// `other` those that need a third SAE.
struct CheckParty {
  std::string master;  ///< SAE ids
  std::string slave;
  std::string other;   ///< an SAE at the slave's entity, too
};
struct CheckProbes {
  Probe* master = nullptr;
  Probe* slave = nullptr;
  Probe* other = nullptr;
  Probe* stranger = nullptr;  ///< the master's identity at the slave's entity: no SAE that a key is for
};

/// Does an entity keep to ETSI GS QKD 014 v1.1.1? Clauses in the rows are that document's. Uses up some twenty keys.
class CheckSuite {
 public:
  CheckSuite(CheckParty party, CheckProbes probes, const Probe::Habits& habits)
      : party_(std::move(party)), probes_(probes), habits_(habits) {}
  [[nodiscard]] std::vector<CheckRow> run();

 private:
  // check_suite.cc: one entity
  void status();
  void new_keys();
  void bad_sizes();
  void bad_numbers();
  void extensions();
  void bad_requests();
  void all_answers();
  // check_slave.cc: the slave's entity
  void delivery();
  void refused_delivery();
  void multicast();

  /// One key that the master was just given; none, and a failed row, where it was not.
  [[nodiscard]] std::vector<ProbedKey> some_keys(const std::string& name, const std::string& requirement, const std::string& body);
  void row(std::string name, std::string requirement, bool good, std::string expected, std::string came);
  void skip(std::string name, std::string requirement, std::string why);
  /// 400 with that message.
  void refused(std::string name, std::string requirement, const Reaction& came, std::string_view message);
  /// 200 with so many keys, each of so many bits, with ids that are UUIDs and new.
  void given(const std::string& name, const std::string& requirement, const Reaction& came, std::size_t number, std::uint32_t bits);

  CheckParty party_;
  CheckProbes probes_;
  const Probe::Habits& habits_;
  etsi014::Status entity_;
  bool knows_entity_ = false;
  std::set<std::string> ids_;
  std::string repeated_;  ///< an id that came twice
  std::vector<CheckRow> rows_;
};

}  // namespace tlspool::qkd
