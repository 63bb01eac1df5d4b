// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pins.h"

#include <cerrno>
#include <ctime>
#include <fstream>

#include "base/text.h"
#include "cli/files.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

constexpr std::size_t digest_digits = 64;

}  // namespace

KexPins KexPins::standard() { return KexPins(state_file("kex-pins")); }

Result<std::optional<KexPin>> KexPins::find(const std::string& name) const {
  std::optional<KexPin> found;
  if (!exists(path_)) return found;
  std::ifstream file(path_);
  if (!file) return fail(system_error("read", path_, errno));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const auto words = split(line, ' ');
    const auto digest = words.size() == 3 ? unhex(words[1]) : std::nullopt;
    if (!digest || words[1].size() != digest_digits) {
      return fail({Code::config, "read pins", at_line(path_, number), "it is no line NAME DIGEST DATE", "mend or remove it"});
    }
    if (words[0] == name) found = KexPin{words[1], number};
  }
  return found;
}

Status KexPins::add(const std::string& name, const std::string& digest) const {
  std::string date = timestamp(std::time(nullptr));
  date.resize(date.find(' '));
  return append_line(path_, name + " " + digest + " " + date);
}

}  // namespace tlspool::cli
