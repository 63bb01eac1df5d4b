// SPDX-License-Identifier: Apache-2.0
// What a peer may send first on a peer-to-peer connection. However it is cut into segments, the reader comes to the same end,
// takes nothing that lies behind the hello, and finds the tie-breaker that a plainer way of reading finds.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tls/hello_reader.h"

using namespace tlspool;
using tls::HelloReader;

namespace {

void demand(bool good) {
  if (!good) std::abort();
}

// `cut` names the size of the next segment.
template <class Cut> HelloReader read(ByteView input, Cut cut) {
  HelloReader reader;
  while (reader.state() == HelloReader::State::reading && !input.empty()) {
    const std::size_t wants = reader.wants();
    demand(wants >= 1 && wants <= 16384);
    const std::size_t n = std::min({wants, input.size(), std::max<std::size_t>(1, cut())});
    reader.feed(input.first(n));
    input = input.subspan(n);
  }
  return reader;
}

std::size_t number(const Bytes& bytes, std::size_t at, std::size_t width) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < width; ++i) n = n << 8 | bytes[at + i];
  return n;
}

// The contents of the records, one after the other.
Bytes message_in(const Bytes& records) {
  Bytes out;
  for (std::size_t at = 0; at < records.size();) {
    demand(at + 5 <= records.size() && records[at] == 22 && records[at + 1] == 3);
    const std::size_t size = number(records, at + 3, 2);
    demand(size >= 1 && size <= 16384 && at + 5 + size <= records.size());
    out.insert(out.end(), records.begin() + static_cast<std::ptrdiff_t>(at + 5), records.begin() + static_cast<std::ptrdiff_t>(at + 5 + size));
    at += 5 + size;
  }
  return out;
}

// The places of the extension's contents, in a hello whose lengths all fit; false: they do not.
bool extensions_of(const Bytes& hello, std::uint16_t kind, std::vector<std::pair<std::size_t, std::size_t>>& found) {
  std::size_t at = 4 + 2 + 32;
  for (const std::size_t width : {1, 2, 1}) {
    if (at + width > hello.size()) return false;
    at += width + number(hello, at, width);
  }
  if (at == hello.size()) return true;
  if (at + 2 > hello.size() || at + 2 + number(hello, at, 2) != hello.size()) return false;
  for (at += 2; at < hello.size();) {
    if (at + 4 > hello.size() || at + 4 + number(hello, at + 2, 2) > hello.size()) return false;
    if (number(hello, at, 2) == kind) found.emplace_back(at + 4, number(hello, at + 2, 2));
    at += 4 + number(hello, at + 2, 2);
  }
  return true;
}

void check_hello(const HelloReader& reader) {
  const Bytes hello = message_in(reader.bytes());
  demand(hello.size() >= 4 && hello.size() <= tls::longest_hello && hello[0] == 1 && hello.size() == 4 + number(hello, 1, 3));
  constexpr std::uint16_t kind = 0xff70;
  std::vector<std::pair<std::size_t, std::size_t>> found;
  const bool fits = extensions_of(hello, kind, found) && found.size() <= 1 && (found.empty() || found[0].second == 32);
  const auto value = reader.tie_breaker(kind);
  demand(value.has_value() == fits);
  if (!fits) return;
  demand(value->has_value() == !found.empty());
  if (!found.empty()) demand(std::equal((*value)->begin(), (*value)->end(), hello.begin() + static_cast<std::ptrdiff_t>(found[0].first)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  const HelloReader whole = read(input, [] { return SIZE_MAX; });
  demand(whole.bytes().size() <= size && std::equal(whole.bytes().begin(), whole.bytes().end(), data));
  std::uint32_t chance = static_cast<std::uint32_t>(size) * 2654435761U + (size > 0 ? data[size - 1] : 0);
  const HelloReader cut = read(input, [&] { return (chance = chance * 1664525U + 1013904223U) >> 27; });
  const HelloReader single = read(input, [] { return std::size_t{1}; });
  for (const HelloReader* other : {&cut, &single}) {
    demand(other->state() == whole.state() && other->alert() == whole.alert() && other->problem() == whole.problem());
    // What is refused may have been refused a few bytes earlier.
    if (whole.state() == HelloReader::State::hello) demand(other->bytes() == whole.bytes());
  }
  switch (whole.state()) {
    case HelloReader::State::reading: demand(whole.bytes().size() == size); break;
    case HelloReader::State::hello: check_hello(whole); break;
    case HelloReader::State::other: demand(!whole.bytes().empty()); break;
    case HelloReader::State::refused: demand(whole.alert() != 0 && !whole.problem().empty()); break;
  }
  return 0;
}
