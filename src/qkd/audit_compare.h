// SPDX-License-Identifier: Apache-2.0
// What an audit finds. Pure; nothing of it reveals a key.
#pragma once
#include <string>
#include <vector>

#include "wire/json.h"
#include "wire/key_admin.h"

namespace tlspool::qkd {

/// Every id stands in one list at most; the lists are sorted.
struct AuditReport {
  std::size_t here = 0;   ///< keys
  std::size_t there = 0;
  std::size_t equal = 0;
  std::vector<std::string> only_here;
  std::vector<std::string> only_there;
  std::vector<std::string> different;       ///< the check values differ: the sites hold different keys
  std::vector<std::string> same_direction;  ///< both sites would use it as client, or both as server
  std::vector<std::string> repeated;        ///< more than one key of this id at one of the sites
  [[nodiscard]] bool good() const {
    return only_here.empty() && only_there.empty() && different.empty() && same_direction.empty() && repeated.empty();
  }
};
[[nodiscard]] AuditReport compare(const std::vector<wire::AuditRow>& here, const std::vector<wire::AuditRow>& there);

/// "2 only here, 1 different"; empty where all is equal.
[[nodiscard]] std::string summary(const AuditReport& report);
/// The counts, then a line for each id that is not equal.
[[nodiscard]] std::string report_text(const AuditReport& report);
/// Adds its members to an object.
void report_json(wire::Value& out, const AuditReport& report);

}  // namespace tlspool::qkd
