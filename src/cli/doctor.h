// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "config/paths.h"

namespace tlspool::cli {

/// What the doctor found so far; writes each line as it comes.
class Findings {
 public:
  void ok(const std::string& what, const std::string& detail = {});
  void problem(const std::string& what, const Error& error);
  /// Neither good nor bad: could not be looked at, and why.
  void skipped(const std::string& what, const std::string& why);
  [[nodiscard]] unsigned problems() const { return problems_; }

 private:
  unsigned problems_ = 0;
};

// Each looks at one part of the pool.
void check_system(Findings& findings);
void check_directories(Findings& findings, const config::Paths& paths, const config::Config* config);
void check_certificates(Findings& findings, const config::Paths& paths, const config::Config& config);
void check_tokens(Findings& findings, const config::Paths& paths, const config::Config& config);
void check_daemon(Findings& findings, const config::Paths& paths);
/// Whether the running pool has keys for every [[peer]].
void check_shared_keys(Findings& findings, const config::Paths& paths, const config::Config& config);

}  // namespace tlspool::cli
