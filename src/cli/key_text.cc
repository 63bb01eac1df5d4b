// SPDX-License-Identifier: Apache-2.0
#include "cli/key_text.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "sharedkey/derive.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t longest_name = 64;

tl::unexpected<Error> malformed(std::string reason) {
  return fail({Code::invalid, "shared key", "", std::move(reason),
               "give it as hexadecimal digits or base64, or with --raw as the bytes themselves"});
}

bool is_blank(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_hex(std::uint8_t c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

Result<Secret> key_of_text(ByteView text) {
  if (text.empty()) return malformed("there is none on standard input");
  Secret packed(text.size());
  std::size_t size = 0;
  for (const std::uint8_t c : text) {
    if (!is_blank(c)) packed.writable()[size++] = c;
  }
  packed.shrink(size);
  if (size == 0) return malformed("there is none on standard input");
  const ByteView digits = packed.bytes();
  const std::string_view word(reinterpret_cast<const char*>(digits.data()), digits.size());
  const bool hexadecimal = std::all_of(digits.begin(), digits.end(), is_hex);
  if (hexadecimal && size % 2 != 0) return malformed("an odd number of hexadecimal digits");
  auto bytes = hexadecimal ? unhex(word) : unbase64(word);
  if (!bytes) return malformed("neither hexadecimal digits nor base64");
  Secret out{ByteView{*bytes}};
  wipe(*bytes);
  return out;
}

Status check_key_size(std::size_t bytes) {
  using sharedkey::least_key_bytes;
  using sharedkey::most_key_bytes;
  if (bytes >= least_key_bytes && bytes <= most_key_bytes) return {};
  const std::string reason = "it has " + std::to_string(bytes) + " bytes";
  if (bytes > most_key_bytes) return fail({Code::invalid, "shared key", "", reason, "at most 256 are taken"});
  return fail({Code::invalid, "shared key", "", reason,
               "at least 16 are needed (RFC 9257): who sees one handshake can try short ones at home; "
               "`tlspool psk add NAME --generate` makes a good one"});
}

Status check_key_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view(":/\"\\").find(c) == std::string_view::npos;
  });
  if (good) return {};
  return fail({Code::invalid, "name of a shared key", printable(name), "not usable",
               "take 1 to 64 ASCII characters, no blank and none of : / \" \\"});
}

}  // namespace tlspool::cli
