// SPDX-License-Identifier: Apache-2.0
#include "cli/completion_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/completion.h"
#include "cli/output.h"

namespace tlspool::cli {
namespace {

using Text = std::string (*)(const CompletedCommand&);
const std::map<std::string, Text> shells{{"bash", bash_completion}, {"fish", fish_completion}, {"zsh", zsh_completion}};

/// The words of `ROLE:{client,server}`, as CLI11 describes a value that is one of several.
std::vector<std::string> choices_of(const std::string& type) {
  const auto begin = type.find('{');
  const auto end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return split(type.substr(begin + 1, end - begin - 1), ',');
}

bool is_file(const std::string& type) { return type.find("FILE") != std::string::npos; }

CompletedOption option_of(const CLI::Option& option) {
  using Value = CompletedOption::Value;
  CompletedOption out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  out.help = option.get_description();
  if (option.get_items_expected_max() == 0) return out;
  const std::string type = option.get_type_name();
  out.choices = choices_of(type);
  out.value = !out.choices.empty()                      ? Value::choice
              : type.find("DIR") != std::string::npos ? Value::directory
              : is_file(type)                           ? Value::file
                                                        : Value::text;
  return out;
}

void fill(CompletedCommand& out, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_lname("help")) continue;  // every command has it
    if (option->nonpositional()) {
      out.options.push_back(option_of(*option));
      continue;
    }
    const auto words = choices_of(option->get_type_name());
    out.words.insert(out.words.end(), words.begin(), words.end());
    out.takes_files = out.takes_files || is_file(option->get_name());
  }
  for (const CLI::App* below : app.get_subcommands(nullptr)) {
    if (below->get_name().empty()) {  // a group of options
      fill(out, *below);
      continue;
    }
    CompletedCommand& command = out.commands.emplace_back();
    command.name = below->get_name();
    command.help = below->get_description();
    fill(command, *below);
  }
}

}  // namespace

void add_completion(CLI::App& app, std::function<Status()>& todo) {
  auto shell = std::make_shared<std::string>();
  auto* c = app.add_subcommand("completion", "Print the script by which a shell completes the commands and options of tlspool");
  c->add_option("SHELL", *shell, "bash, fish or zsh")->required()->check(CLI::IsMember(shells));
  c->callback([&app, &todo, shell] {
    todo = [&app, shell]() -> Status {
      CompletedCommand program;
      program.name = app.get_name();
      fill(program, app);
      print(shells.at(*shell)(program));
      return {};
    };
  });
}

}  // namespace tlspool::cli
