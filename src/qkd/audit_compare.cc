// SPDX-License-Identifier: Apache-2.0
#include "qkd/audit_compare.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "base/text.h"

namespace tlspool::qkd {
namespace {

struct Found {
  const wire::AuditRow* here = nullptr;
  const wire::AuditRow* there = nullptr;
  bool repeated = false;
};

struct Kind {
  std::vector<std::string> AuditReport::*ids;
  const char* words;
  const char* member;
};
constexpr std::array<Kind, 5> kinds{{
    {&AuditReport::only_here, "only here", "onlyHere"},
    {&AuditReport::only_there, "only there", "onlyThere"},
    {&AuditReport::different, "different", "different"},
    {&AuditReport::same_direction, "for the same role at both sites", "sameDirection"},
    {&AuditReport::repeated, "more than once", "repeated"},
}};

}  // namespace

AuditReport compare(const std::vector<wire::AuditRow>& here, const std::vector<wire::AuditRow>& there) {
  std::map<std::string, Found> all;
  const auto enter = [&](const wire::AuditRow& row, const wire::AuditRow* Found::*side) {
    Found& found = all[row.id];
    found.repeated = found.repeated || found.*side != nullptr;
    found.*side = &row;
  };
  for (const wire::AuditRow& row : here) enter(row, &Found::here);
  for (const wire::AuditRow& row : there) enter(row, &Found::there);
  AuditReport out;
  out.here = here.size();
  out.there = there.size();
  for (const auto& [id, found] : all) {
    if (found.repeated) {
      out.repeated.push_back(id);
    } else if (found.there == nullptr) {
      out.only_here.push_back(id);
    } else if (found.here == nullptr) {
      out.only_there.push_back(id);
    } else if (found.here->check != found.there->check) {
      out.different.push_back(id);
    } else if (found.here->as_client == found.there->as_client) {
      out.same_direction.push_back(id);
    } else {
      ++out.equal;
    }
  }
  return out;
}

std::string summary(const AuditReport& report) {
  std::string out;
  for (const Kind& kind : kinds) {
    const std::size_t count = (report.*kind.ids).size();
    if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, kind.words);
  }
  return out;
}

std::string report_text(const AuditReport& report) {
  std::string out = fmt::format("keys      {} here, {} there, {} equal\n", report.here, report.there, report.equal);
  for (const Kind& kind : kinds) {
    for (const std::string& id : report.*kind.ids) out += fmt::format("key {}: {}\n", printable(id), kind.words);
  }
  return out;
}

void report_json(wire::Value& out, const AuditReport& report) {
  out.set("good", report.good()).set("here", report.here).set("there", report.there).set("equal", report.equal);
  for (const Kind& kind : kinds) {
    wire::Value ids = wire::Value::array();
    for (const std::string& id : report.*kind.ids) ids.push(id);
    out.set(kind.member, std::move(ids));
  }
}

}  // namespace tlspool::qkd
