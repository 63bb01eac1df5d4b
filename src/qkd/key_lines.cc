// SPDX-License-Identifier: Apache-2.0
#include "qkd/key_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tlspool::qkd {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

tl::unexpected<Error> no_key(std::string reason) {
  return fail({Code::invalid, "key", "", std::move(reason), "a line is: ID KEY, the key in hexadecimal or base64"});
}

}  // namespace

Result<std::optional<wire::NumberedKey>> parse_key_line(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  const auto cut = line.find_last_of(blanks);
  if (cut == std::string_view::npos) return no_key("there is one word where an id and a key should be");
  const std::string_view id = trimmed(line.substr(0, cut));
  const std::string_view text = line.substr(cut + 1);
  auto key = unhex(text);
  if (!key) key = unbase64(text);
  if (!key) return no_key("the key is neither hexadecimal nor base64");
  return wire::NumberedKey{std::string(id), std::move(*key)};
}

Status LineSplitter::give(const OnLine& on_line) {
  std::string_view line = tlspool::text_of(line_.bytes().first(have_));
  if (line.ends_with('\r')) line.remove_suffix(1);
  have_ = 0;
  return on_line(++number_, line);
}

Status LineSplitter::add(ByteView piece, const OnLine& on_line) {
  total_ += piece.size();
  if (total_ > longest_key_file) {
    return fail({Code::invalid, "keys", "", fmt::format("more than {} MiB", longest_key_file >> 20), "import them in parts"});
  }
  while (!piece.empty()) {
    const auto end = std::find(piece.begin(), piece.end(), '\n');
    const auto size = static_cast<std::size_t>(end - piece.begin());
    if (size > line_.size() - have_) {
      return fail({Code::invalid, "keys", fmt::format("line {}", number_ + 1),
                   fmt::format("longer than {} bytes", longest_key_line), "a line is: ID KEY"});
    }
    std::copy(piece.begin(), end, line_.writable().begin() + static_cast<long>(have_));
    have_ += size;
    if (end == piece.end()) break;
    if (auto given = give(on_line); !given) return given;
    piece = piece.subspan(size + 1);
  }
  return {};
}

Status LineSplitter::finish(const OnLine& on_line) { return have_ == 0 ? Status{} : give(on_line); }

}  // namespace tlspool::qkd
