// SPDX-License-Identifier: Apache-2.0
#include "qkd/check_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output.h"

namespace tlspool::qkd {
namespace {

auto count(const std::vector<CheckRow>& rows, Verdict verdict) {
  return std::count_if(rows.begin(), rows.end(), [&](const CheckRow& row) { return row.verdict == verdict; });
}

}  // namespace

const char* text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass: return "pass";
    case Verdict::fail: return "FAIL";
    case Verdict::skipped: return "skipped";
  }
  return "";
}

bool any_failed(const std::vector<CheckRow>& rows) { return count(rows, Verdict::fail) > 0; }

std::string check_table(const std::vector<CheckRow>& rows) {
  std::vector<std::vector<std::string>> lines;
  for (const CheckRow& row : rows) {
    const std::string detail = row.verdict == Verdict::skipped ? row.came : fmt::format("expected {}; came {}", row.expected, row.came);
    lines.push_back({row.name, row.requirement, text_of(row.verdict), detail});
  }
  return cli::table({"CHECK", "REQUIREMENT", "RESULT", "DETAIL"}, lines) +
         fmt::format("{} passed, {} failed, {} skipped\n", count(rows, Verdict::pass), count(rows, Verdict::fail),
                     count(rows, Verdict::skipped));
}

wire::Value check_json(const std::string& url, const std::vector<CheckRow>& rows) {
  wire::Value checks = wire::Value::array();
  for (const CheckRow& row : rows) {
    wire::Value one = wire::Value::object();
    one.set("check", row.name).set("requirement", row.requirement);
    one.set("result", row.verdict == Verdict::fail ? "fail" : text_of(row.verdict));
    one.set("expected", row.expected).set("came", row.came);
    checks.push(std::move(one));
  }
  wire::Value out = wire::Value::object();
  out.set("url", url).set("passed", count(rows, Verdict::pass)).set("failed", count(rows, Verdict::fail));
  out.set("skipped", count(rows, Verdict::skipped)).set("checks", std::move(checks));
  return out;
}

}  // namespace tlspool::qkd
