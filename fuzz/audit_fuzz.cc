// SPDX-License-Identifier: Apache-2.0
// What another site may send in an audit: lines, each with the number that is its due. A line that is understood
// can be said again and is understood the same way, and what follows from rows is without contradiction.
#include <cstdlib>
#include <set>
#include <string_view>

#include "qkd/audit_compare.h"
#include "qkd/audit_message.h"

namespace {

using namespace tlspool;
using namespace tlspool::qkd;

void must(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  std::vector<wire::AuditRow> rows[2];  // those of even lines, and of odd ones
  for (std::uint64_t sequence = 0; !rest.empty(); ++sequence) {
    const auto end = rest.find('\n');
    const auto message = parse_audit_line(rest.substr(0, end), sequence);
    if (!message) {
      must(message.error().code == Code::protocol && !message.error().reason.empty());
    } else {
      std::string again = audit_line(*message, sequence);
      again.pop_back();
      const auto twice = parse_audit_line(again, sequence);
      must(twice.has_value() && twice->index() == message->index() && audit_line(*twice, sequence) == again + "\n");
      if (const auto* chunk = std::get_if<AuditRows>(&*message)) {
        rows[sequence % 2].insert(rows[sequence % 2].end(), chunk->rows.begin(), chunk->rows.end());
      }
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const AuditReport report = compare(rows[0], rows[1]);
  std::set<std::string> ids;
  for (const auto& side : rows) {
    for (const wire::AuditRow& row : side) ids.insert(row.id);
  }
  must(report.equal + report.only_here.size() + report.only_there.size() + report.different.size() +
           report.same_direction.size() + report.repeated.size() == ids.size());
  must(report.good() == summary(report).empty());
  must(!report.good() || (report.equal == report.here && report.equal == report.there));
  return 0;
}
