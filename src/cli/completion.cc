// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <fmt/format.h>

#include <functional>

#include "base/text.h"

namespace tlspool::cli {
namespace {

using Value = CompletedOption::Value;
using Visit = std::function<void(const std::string& path, const CompletedCommand& command)>;

constexpr const char* note = "# Made by `tlspool completion`.\n";

/// The program's path is empty, `identity new` has "identity new".
void each(const CompletedCommand& command, const std::string& path, const Visit& visit) {
  visit(path, command);
  for (const CompletedCommand& below : command.commands) each(below, path.empty() ? below.name : path + " " + below.name, visit);
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : std::string(between)) + word;
  return out;
}

/// In single quotes, as all three shells read them; `escape` is what stands for a quote inside.
std::string quoted_word(std::string_view text, std::string_view escape) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string(escape) : std::string(1, c);
  return out + "'";
}

std::string posix_word(std::string_view text) { return quoted_word(text, "'\\''"); }
std::string fish_word(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '\\' ? "\\\\" : std::string(1, c);
  return quoted_word(doubled, "\\'");
}

/// `case` branches that walk from one command to the next.
std::string steps(const CompletedCommand& program, const char* branch) {
  std::string out;
  each(program, {}, [&](const std::string& path, const CompletedCommand&) {
    if (!path.empty()) out += fmt::format(fmt::runtime(branch), fmt::arg("path", path));
  });
  return out;
}

std::string bash_value(const CompletedOption& option) {
  switch (option.value) {
    case Value::none: return {};
    case Value::text: return "return";
    case Value::file: return "compopt -o default; return";
    case Value::directory: return "compopt -o dirnames; return";
    case Value::choice: return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return", joined(option.choices));
  }
  return {};
}

}  // namespace

std::string bash_completion(const CompletedCommand& program) {
  std::string values;
  std::string candidates;
  // What holds everywhere (--pool) stands at the program.
  for (const CompletedOption& option : program.options) {
    if (const auto value = bash_value(option); !value.empty()) values += fmt::format("    *' {}') {} ;;\n", joined(option.names, "'|*' "), value);
  }
  each(program, {}, [&](const std::string& path, const CompletedCommand& command) {
    std::vector<std::string> words = command.words;
    for (const CompletedCommand& below : command.commands) words.push_back(below.name);
    for (const CompletedOption& option : command.options) {
      words.insert(words.end(), option.names.begin(), option.names.end());
      const auto value = bash_value(option);
      if (path.empty() || value.empty()) continue;
      std::vector<std::string> cases;
      for (const std::string& name : option.names) cases.push_back(fmt::format("'{} {}'", path, name));
      values += fmt::format("    {}) {} ;;\n", joined(cases, "|"), value);
    }
    candidates += fmt::format("    '{}') words='{}'; {};;\n", path, joined(words), command.takes_files ? "compopt -o default; " : "");
  });
  return fmt::format(R"({note}_{name}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} at='' words='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{at:+$at }}${{COMP_WORDS[i]}}" in
{steps}    esac
  done
  case "$at $prev" in
{values}  esac
  case "$at" in
{candidates}  esac
  COMPREPLY=($(compgen -W "$words --help" -- "$cur"))
}}
complete -F _{name} {name}
)",
                     fmt::arg("note", note), fmt::arg("name", program.name), fmt::arg("steps", steps(program, "      '{path}') at='{path}' ;;\n")),
                     fmt::arg("values", values), fmt::arg("candidates", candidates));
}

std::string zsh_completion(const CompletedCommand& program) {
  const auto described = [](std::string name, const std::string& help) {
    std::string out;
    for (const char c : name + "\n" + help) out += c == ':' ? "\\:" : c == '\n' ? ":" : std::string(1, c);
    return posix_word(out);
  };
  const auto value_of = [](const CompletedOption& option) -> std::string {
    switch (option.value) {
      case Value::none: return {};
      case Value::text: return "_message value";
      case Value::file: return "_files";
      case Value::directory: return "_files -/";
      case Value::choice: return "compadd -- " + joined(option.choices);
    }
    return {};
  };
  std::string values;
  std::string candidates;
  for (const CompletedOption& option : program.options) {
    if (const auto value = value_of(option); !value.empty()) values += fmt::format("  *' {}') {}; return ;;\n", joined(option.names, "'|*' "), value);
  }
  each(program, {}, [&](const std::string& path, const CompletedCommand& command) {
    std::string commands;
    std::string options = " " + described("--help", "Print the help");
    for (const CompletedCommand& below : command.commands) commands += " " + described(below.name, below.help);
    for (const std::string& word : command.words) commands += " " + described(word, "");
    for (const CompletedOption& option : command.options) {
      std::vector<std::string> cases;
      for (const std::string& name : option.names) {
        options += " " + described(name, option.help);
        cases.push_back(fmt::format("'{} {}'", path, name));
      }
      const auto value = value_of(option);
      if (!path.empty() && !value.empty()) values += fmt::format("  {}) {}; return ;;\n", joined(cases, "|"), value);
    }
    candidates += fmt::format("  '{}') commands=({}); options=({}); {};;\n", path, commands, options, command.takes_files ? "_files; " : "");
  });
  return fmt::format(R"(#compdef {name}
{note}local at='' i
local -a commands options
for ((i = 2; i < CURRENT; i++)); do
  case "${{at:+$at }}$words[i]" in
{steps}  esac
done
case "$at $words[CURRENT-1]" in
{values}esac
case "$at" in
{candidates}esac
_describe command commands
_describe option options
)",
                     fmt::arg("name", program.name), fmt::arg("note", note), fmt::arg("steps", steps(program, "    '{path}') at='{path}' ;;\n")),
                     fmt::arg("values", values), fmt::arg("candidates", candidates));
}

std::string fish_completion(const CompletedCommand& program) {
  std::string lines;
  each(program, {}, [&](const std::string& path, const CompletedCommand& command) {
    // An option of the program's own may stand behind any command.
    const std::string where = fmt::format("complete -c {} -n \"__{}_at '{}'\"", program.name, program.name, path);
    const std::string everywhere = fmt::format("complete -c {}", program.name);
    if (command.takes_files) lines += where + " -F\n";
    for (const CompletedCommand& below : command.commands) lines += fmt::format("{} -a {} -d {}\n", where, below.name, fish_word(below.help));
    if (!command.words.empty()) lines += fmt::format("{} -a {}\n", where, fish_word(joined(command.words)));
    for (const CompletedOption& option : command.options) {
      std::string line = path.empty() && option.value != Value::none ? everywhere : where;
      for (const std::string& name : option.names) line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      switch (option.value) {
        case Value::none: break;
        case Value::text: line += " -x"; break;
        case Value::file: line += " -r -F"; break;
        case Value::directory: line += " -x -a '(__fish_complete_directories)'"; break;
        case Value::choice: line += " -x -a " + fish_word(joined(option.choices)); break;
      }
      lines += line + " -d " + fish_word(option.help) + "\n";
    }
  });
  return fmt::format(R"({note}function __{name}_at
  set -l at
  for word in (commandline -opc)[2..]
    switch "$at $word"
{steps}    end
  end
  test "$at" = "$argv"
end
complete -c {name} -f
complete -c {name} -l help -d 'Print the help'
{lines})",
                     fmt::arg("note", note), fmt::arg("name", program.name), fmt::arg("steps", [&] {
                       std::string out;
                       each(program, {}, [&](const std::string& path, const CompletedCommand&) {
                         if (path.empty()) return;
                         const auto space = path.rfind(' ');
                         const std::string before = space == std::string::npos ? "" : path.substr(0, space);
                         out += fmt::format("      case '{} {}'\n        set at '{}'\n", before, path.substr(space == std::string::npos ? 0 : space + 1), path);
                       });
                       return out;
                     }()),
                     fmt::arg("lines", lines));
}

}  // namespace tlspool::cli
