// SPDX-License-Identifier: Apache-2.0
// Pure: scripts by which shells complete a command line, out of the commands and options that there are.
#pragma once
#include <string>
#include <vector>

namespace tlspool::cli {

struct CompletedOption {
  enum class Value { none, text, file, directory, choice };
  std::vector<std::string> names;  ///< with their dashes
  std::string help;
  Value value = Value::none;
  std::vector<std::string> choices;
};

struct CompletedCommand {
  std::string name;
  std::string help;
  std::vector<CompletedOption> options;
  std::vector<std::string> words;  ///< that may stand in place of a positional argument
  bool takes_files = false;        ///< a positional argument is a file
  std::vector<CompletedCommand> commands;
};

[[nodiscard]] std::string bash_completion(const CompletedCommand& program);
[[nodiscard]] std::string zsh_completion(const CompletedCommand& program);
[[nodiscard]] std::string fish_completion(const CompletedCommand& program);

}  // namespace tlspool::cli
