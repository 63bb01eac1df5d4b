// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/throttle.h"

#include <algorithm>
#include <vector>

#include "wire/codec.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::uint32_t format = 0x31525054;  // "TPR1"
constexpr std::size_t longest_id = 32;        // a session id (RFC 5246 section 7.4.1.2)

struct Row {
  std::string id;
  std::uint32_t failures = 0;
  std::int64_t last = 0;
};
template <class Io> void fields(Io& io, Row& m) { io(m.id, m.failures, m.last); }
struct File {
  std::uint32_t magic = format;
  std::vector<Row> rows;
};
template <class Io> void fields(Io& io, File& m) { io(m.magic, m.rows); }

std::int64_t delay_after(std::uint32_t failures) {
  return failures > 12 ? Throttle::longest : std::min(Throttle::longest, std::int64_t{1} << (failures - 1));
}

}  // namespace

std::int64_t Throttle::wait(const std::string& id, std::int64_t now) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return 0;
  const std::int64_t delay = delay_after(found->second.failures);
  // Before the failure: the clock was set back, and nobody knows how far.
  const std::int64_t since = std::max<std::int64_t>(0, now - found->second.last);
  return std::max<std::int64_t>(0, delay - since);
}

void Throttle::failed(const std::string& id, std::int64_t now) {
  Entry& entry = entries_[id];
  entry.failures = std::min<std::uint32_t>(entry.failures + 1, 64);
  entry.last = now;
}

Bytes Throttle::write() const {
  File file;
  for (const auto& [id, entry] : entries_) file.rows.push_back({id, entry.failures, entry.last});
  return wire::encode(file);
}

Result<Throttle> Throttle::read(ByteView bytes) {
  auto file = wire::decode<File>(bytes);
  const auto damaged = [] { return fail({Code::protocol, "read", "throttle", "the file is damaged", {}}); };
  if (!file || file->magic != format) return damaged();
  Throttle out;
  for (Row& row : file->rows) {
    if (row.id.empty() || row.id.size() > longest_id || row.failures == 0 || row.failures > 64) return damaged();
    out.entries_[row.id] = {row.failures, row.last};
  }
  return out;
}

}  // namespace tlspool::sharedkey
