// SPDX-License-Identifier: Apache-2.0
#include "qkd/id_lines.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "base/text.h"
#include "etsi014/messages.h"

namespace tlspool::qkd {

IdLines parse_id_lines(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  IdLines out;
  std::set<std::string> seen;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    const auto from = line.find_first_not_of(blanks);
    if (from == std::string_view::npos || line[from] == '#') continue;
    line = line.substr(from, line.find_last_not_of(blanks) - from + 1);
    std::string id = etsi014::normal_uuid(line);
    if (id.empty()) {
      out.malformed.push_back(number);
    } else if (seen.insert(id).second) {
      out.ids.push_back(std::move(id));
    }
  }
  return out;
}

Result<IdLines> read_id_lines(int fd, const std::string& name) {
  std::string text;
  std::array<char, 65536> piece;
  while (true) {
    const ssize_t n = read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error("read", name, errno));
    if (n == 0) return parse_id_lines(text);
    text.append(piece.data(), static_cast<std::size_t>(n));
    if (text.size() > longest_id_file) {
      return fail({Code::invalid, "key ids", name, fmt::format("more than {} MiB", longest_id_file >> 20), "fetch them in parts"});
    }
  }
}

}  // namespace tlspool::qkd
