// SPDX-License-Identifier: Apache-2.0
// What comes from memcached, and key files of a cluster. The first byte says what the rest is. Nothing that was not sealed with the
// key opens; what is sealed opens with what it held, and with a byte changed it doesn't.
#include <cstdlib>

#include "authz/cache_entry.h"
#include "authz/cluster_key.h"

using namespace tlspool;
using namespace tlspool::authz;

namespace {

constexpr std::int64_t now = 1'800'000'000;

const EntryBox& box() {
  static const EntryBox made = std::move(*EntryBox::make(Bytes(32, 1)));
  return made;
}

void seal_and_open(ByteView content) {
  const EntryKey key = box().key_of(content);
  auto sealed = box().seal(key, {now, now + 60, copy_of(content)});
  if (!sealed) {
    if (content.size() <= most_entry_content) std::abort();
    return;
  }
  const Opened opened = box().open(key, *sealed, now, 3600);
  if (opened.opening != Opening::good || opened.entry.content != copy_of(content)) std::abort();
  const std::size_t at = content.empty() ? 0 : content[0] * 7919U % sealed->size();
  (*sealed)[at] ^= 0x20;
  if (box().open(key, *sealed, now, 3600).opening == Opening::good) std::abort();
}

void read_key(ByteView content) {
  const auto key = read_cluster_key(content, "FILE");
  if (key && (key->size() < least_cluster_key || key->size() > most_cluster_key)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView rest{data + 1, size - 1};
  switch (data[0] % 3) {
    case 0:
      if (box().open(box().key_of({}), rest, now, 3600).opening == Opening::good) std::abort();
      break;
    case 1: seal_and_open(rest); break;
    case 2: read_key(rest); break;
  }
  return 0;
}
