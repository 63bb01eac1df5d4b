// SPDX-License-Identifier: Apache-2.0
#include "cli/kex_pins.h"

#include <ctime>

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
  const auto lines = read_lines(path_);
  if (!lines) return fail(lines.error());
  for (const auto& [number, words] : *lines) {
    const auto digest = words.size() == 3 ? unhex(words[1]) : std::nullopt;
    if (!digest || words[1].size() != digest_digits) {
      return fail({Code::config, "read pins", at_line(path_, number), "it is no line NAME DIGEST DATE", "mend or remove it"});
    }
    if (words[0] == name) found = KexPin{words[1], number};
  }
  return found;
}

Status KexPins::add(const std::string& name, const std::string& digest) const {
  return append_line(path_, name + " " + digest + " " + day_of(std::time(nullptr)));
}

}  // namespace tlspool::cli
