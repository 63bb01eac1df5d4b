// SPDX-License-Identifier: Apache-2.0
// Looks for secrets in the process's own memory, so that the test needs no right to read another process. What to look for
// stands in a file, as NAME and the complement of the bytes: so the search does not find itself. And says how much there is.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "intruder/intruder.h"

// Of the sanitizers' allocators, where one takes the place of the C library's.
extern "C" __attribute__((weak)) std::size_t __sanitizer_get_current_allocated_bytes();

namespace intruder {
namespace {

constexpr std::uintptr_t largest = 1 << 27;

int maps = -1;
int wanted = -1;

// Into memory that is no heap: this must not write over what a free() has left behind.
std::size_t read_all(int fd, char* into, std::size_t room) {
  std::size_t have = 0;
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; have < room && (n = read(fd, into + have, room - have)) > 0;) have += static_cast<std::size_t>(n);
  return have;
}

struct Region {
  const std::uint8_t* from;
  const std::uint8_t* to;
};

bool next_region(const char*& at, const char* end, Region& out) {
  while (at < end) {
    const char* const line = at;
    const auto* stop = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    if (stop == nullptr) return false;
    at = stop + 1;
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    const auto first = std::from_chars(line, stop, from, 16);
    const auto second = std::from_chars(first.ptr + 1, stop, to, 16);
    // Readable and writable. What is larger than any heap is the sanitizers' own.
    if (second.ptr[1] != 'r' || second.ptr[2] != 'w' || to - from > largest) continue;
    out = {reinterpret_cast<const std::uint8_t*>(from), reinterpret_cast<const std::uint8_t*>(to)};
    return true;
  }
  return false;
}

__attribute__((no_sanitize("address"))) bool stands_at(const std::uint8_t* at, const std::uint8_t* complement, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (at[i] != static_cast<std::uint8_t>(~complement[i])) return false;
  }
  return true;
}

__attribute__((no_sanitize("address"))) std::size_t count(Region region, const std::uint8_t* complement, std::size_t size) {
  std::size_t out = 0;
  const auto first = static_cast<std::uint8_t>(~complement[0]);
  for (const std::uint8_t* at = region.from; at + size <= region.to; ++at) {
    if (*at == first && stands_at(at, complement, size)) ++out;
  }
  return out;
}

}  // namespace

void prepare_search(const char* file) {
  maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  wanted = open(file, O_RDONLY | O_CLOEXEC);
}

void search() {
  static char areas[1 << 20];
  static char lines[1 << 16];
  static std::uint8_t complement[256];
  const std::size_t size = read_all(wanted, lines, sizeof lines);
  const std::size_t length = read_all(maps, areas, sizeof areas);
  for (const char* line = lines; line < lines + size;) {
    const auto* blank = static_cast<const char*>(std::memchr(line, ' ', static_cast<std::size_t>(lines + size - line)));
    const auto* end = static_cast<const char*>(std::memchr(line, '\n', static_cast<std::size_t>(lines + size - line)));
    if (blank == nullptr || end == nullptr) break;
    const std::size_t bytes = std::min<std::size_t>(static_cast<std::size_t>(end - blank - 1) / 2, sizeof complement);
    for (std::size_t i = 0; i < bytes; ++i) std::from_chars(blank + 1 + 2 * i, blank + 3 + 2 * i, complement[i], 16);
    std::size_t found = 0;
    const char* at = areas;
    for (Region region{}; bytes > 0 && next_region(at, areas + length, region);) found += count(region, complement, bytes);
    tlspool::log::warning("intruder.searched", {{"what", std::string(line, blank)}, {"found", std::to_string(found)}});
    line = end + 1;
  }
  tlspool::log::warning("intruder.done");
}

void measure() {
  std::size_t bytes = 0;
  if (__sanitizer_get_current_allocated_bytes != nullptr) {
    bytes = __sanitizer_get_current_allocated_bytes();
  } else {
    const struct mallinfo2 all = mallinfo2();
    bytes = all.uordblks + all.hblkhd;
  }
  tlspool::log::warning("intruder.measured", {{"bytes", std::to_string(bytes)}});
}

}  // namespace intruder
