// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor.h"

#include <fmt/format.h>

#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/output.h"
#include "config/load.h"

namespace tlspool::cli {

void Findings::ok(const std::string& what, const std::string& detail) {
  print(fmt::format("ok       {}{}{}\n", what, detail.empty() ? "" : ": ", detail));
}

void Findings::problem(const std::string& what, const Error& error) {
  ++problems_;
  print(fmt::format("PROBLEM  {}: {}\n", what, error.text()));
}

void Findings::skipped(const std::string& what, const std::string& why) {
  print(fmt::format("skipped  {}: {}\n", what, why));
}

Status doctor(const std::string& pool) {
  const auto paths = config::find_pool(pool);
  if (!paths) return fail(paths.error());
  Findings findings;
  if (!exists(paths->file())) {
    findings.problem("pool", {Code::not_found, "open", paths->file(), "there is no pool here",
                              "make one: " + command_for(*paths) + " init; or name another directory with --pool"});
    return fail({Code::not_found, "doctor", "", "1 problem", {}});
  }
  findings.ok("pool", paths->directory);
  const auto config = config::load(*paths);
  if (config) {
    findings.ok("configuration", fmt::format("{} tokens, {} identities", config->tokens.size(), config->identities.size()));
  } else {
    findings.problem("configuration", config.error());
  }
  check_system(findings);
  check_directories(findings, *paths, config ? &*config : nullptr);
  if (config) {
    check_certificates(findings, *paths, *config);
    check_tokens(findings, *paths, *config);
  }
  check_daemon(findings, *paths);
  if (config) check_shared_keys(findings, *paths, *config);
  if (findings.problems() == 0) {
    print("nothing is wrong\n");
    return {};
  }
  return fail({Code::invalid, "doctor", "",
               findings.problems() == 1 ? "1 problem" : fmt::format("{} problems", findings.problems()), {}});
}

}  // namespace tlspool::cli
