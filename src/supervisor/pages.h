// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "counters/page.h"

namespace tlspool::supervisor {

/// The pages in which the processes of the pool count, and the supervisor itself. A page belongs to a name, so that totals go on
/// when a process is started again.
class Pages {
 public:
  /// Makes the supervisor's own and counts in it.
  Pages();
  /// Null where none could be made: the process then counts for nobody.
  [[nodiscard]] const counters::Page* of(const std::string& name);
  [[nodiscard]] std::vector<const counters::Slot*> all() const;

  static constexpr const char* own = "supervisor";

 private:
  std::map<std::string, counters::Page> pages_;
};

}  // namespace tlspool::supervisor
