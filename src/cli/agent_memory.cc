// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include "base/text.h"
#include "cli/agent.h"
#include "cli/files.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

// A word without blanks, whatever was in it.
std::string word(const std::string& text) {
  if (text.empty()) return "-";
  if (text == "-") return percent_encoded(text, [](char) { return false; });
  return percent_encoded(text, [](char c) { return is_letter(c) || is_digit(c) || std::string_view("@._:+-/").find(c) != std::string_view::npos; });
}

std::string key_of(const AgentQuestion& q) { return word(q.local) + " " + word(q.remote) + " " + word(q.service); }

}  // namespace

AgentMemory AgentMemory::standard() { return AgentMemory(state_file("disclosures")); }

Result<std::optional<bool>> AgentMemory::find(const AgentQuestion& question) const {
  std::optional<bool> found;
  if (!question.may_be_remembered()) return found;
  const std::string key = key_of(question);
  const auto lines = read_lines(path_);
  if (!lines) return fail(lines.error());
  for (const auto& [number, words] : *lines) {
    if (words.size() != 5 || (words[0] != "always" && words[0] != "never")) {
      return fail({Code::config, "read answers", at_line(path_, number), "it is no line always|never LOCAL REMOTE SERVICE DATE", "mend or remove it"});
    }
    if (words[1] + " " + words[2] + " " + words[3] == key) found = words[0] == "always";
  }
  if (!found) {
    if (const auto known = session_.find(key); known != session_.end()) found = known->second;
  }
  return found;
}

Status AgentMemory::keep(const AgentQuestion& question, AgentAnswer answer) {
  if (!question.may_be_remembered()) return {};
  const auto write = [&](const char* what) {
    return append_line(path_, std::string(what) + " " + key_of(question) + " " + day_of(std::time(nullptr)));
  };
  switch (answer) {
    case AgentAnswer::once:
    case AgentAnswer::not_now: return {};
    case AgentAnswer::session: session_[key_of(question)] = true; return {};
    case AgentAnswer::always: return write("always");
    case AgentAnswer::never: return write("never");
  }
  return {};
}

}  // namespace tlspool::cli
