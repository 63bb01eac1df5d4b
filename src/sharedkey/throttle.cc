// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/throttle.h"

#include <algorithm>
#include <limits>

#include "sharedkey/crc32.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::string_view throttle_magic = "TLSPTHR1";
constexpr std::size_t longest_id = 0xFFFF;

void put(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// The next `bytes` bytes of `rest` as a number; there must be as many.
std::uint64_t get(ByteView& rest, std::size_t bytes) {
  std::uint64_t out = 0;
  for (const std::uint8_t byte : rest.first(bytes)) out = out << 8 | byte;
  rest = rest.subspan(bytes);
  return out;
}

tl::unexpected<Error> damaged_throttle(std::string reason) {
  return fail({Code::protocol, "read throttle", "throttle", std::move(reason), "remove the file; every delay then begins anew"});
}

}  // namespace

std::int64_t Throttle::wait(const std::string& id, std::int64_t now) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.failures == 0) return 0;
  Entry& entry = found->second;
  entry.last = std::min(entry.last, now);  // the clock was set back: the delay begins now
  const std::uint32_t doublings = std::min<std::uint32_t>(entry.failures - 1, 12);
  const std::int64_t delay = std::min(std::int64_t{1} << doublings, longest);
  // Subtracted as unsigned: a file may say any time.
  const std::uint64_t passed = static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(entry.last);
  return passed >= static_cast<std::uint64_t>(delay) ? 0 : delay - static_cast<std::int64_t>(passed);
}

void Throttle::failed(const std::string& id, std::int64_t now) {
  if (id.size() > longest_id) return;
  Entry& entry = entries_[id];
  if (entry.failures < std::numeric_limits<std::uint32_t>::max()) ++entry.failures;
  entry.last = now;
}

Bytes Throttle::write() const {
  Bytes out = copy_of(view(throttle_magic));
  for (const auto& [id, entry] : entries_) {
    put(out, id.size(), 2);
    out.insert(out.end(), id.begin(), id.end());
    put(out, entry.failures, 4);
    put(out, static_cast<std::uint64_t>(entry.last), 8);
  }
  put(out, crc32(out), 4);
  return out;
}

Result<Throttle> Throttle::read(ByteView file) {
  Throttle out;
  if (file.empty()) return out;
  if (file.size() < throttle_magic.size() + 4 || text_of(file.first(throttle_magic.size())) != throttle_magic)
    return damaged_throttle("does not begin as a throttle file does");
  ByteView check = file.last(4);
  if (get(check, 4) != crc32(file.first(file.size() - 4))) return damaged_throttle("its check is wrong");
  ByteView rest = file.subspan(throttle_magic.size(), file.size() - throttle_magic.size() - 4);
  while (!rest.empty()) {
    const std::size_t size = rest.size() < 2 ? longest_id : get(rest, 2);
    if (rest.size() < size + 12) return damaged_throttle("an entry is cut off");
    std::string id(text_of(rest.first(size)));
    rest = rest.subspan(size);
    Entry entry;
    entry.failures = static_cast<std::uint32_t>(get(rest, 4));
    entry.last = static_cast<std::int64_t>(get(rest, 8));
    if (!out.entries_.emplace(std::move(id), entry).second) return damaged_throttle("an entry is there twice");
  }
  return out;
}

}  // namespace tlspool::sharedkey
