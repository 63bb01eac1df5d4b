// SPDX-License-Identifier: Apache-2.0
// `tlspool agent` (docs/disclosure.md).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "loop/loop.h"
#include "wire/json.h"

namespace tlspool::cli {

/// A `DisclosureQuestion` of io.tlspool.Pool.
struct AgentQuestion {
  std::string id, local, remote, service, rule, role;
  bool proved = false;  ///< remote is; else it is whom the program expects
  std::int64_t pid = 0;
  std::int64_t patience_ms = 0;
  int worker = 0;

  [[nodiscard]] static AgentQuestion read(const wire::Value& value, int worker);
  /// Who nobody has proved to be is not somebody to remember an answer for.
  [[nodiscard]] bool may_be_remembered() const { return proved && !remote.empty(); }
  /// "curl (pid 4711)"
  [[nodiscard]] std::string program() const;
};

enum class AgentAnswer { once, session, always, not_now, never };

/// What the user does not want to be asked again: for as long as the agent runs, or as a file says. The file has lines
/// `always|never LOCAL REMOTE SERVICE DATE`; the last one that fits counts.
class AgentMemory {
 public:
  /// $XDG_STATE_HOME/tlspool/disclosures, else ~/.local/state/tlspool/disclosures.
  [[nodiscard]] static AgentMemory standard();
  explicit AgentMemory(std::string path) : path_(std::move(path)) {}

  /// std::nullopt: it is not known, ask. Error: the file can't be read, or has a line that says nothing.
  [[nodiscard]] Result<std::optional<bool>> find(const AgentQuestion& question) const;
  [[nodiscard]] Status keep(const AgentQuestion& question, AgentAnswer answer);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::map<std::string, bool> session_;
};

/// Asks a person, one question at a time.
class AgentPerson {
 public:
  using OnAnswer = std::function<void(AgentAnswer)>;
  virtual ~AgentPerson() = default;
  virtual void ask(const AgentQuestion& question, OnAnswer on_answer) = 0;
  /// The question needs no answer any more.
  virtual void withdraw() = 0;
};
/// On the controlling terminal; `on_end` is called when it is gone.
[[nodiscard]] Result<std::unique_ptr<AgentPerson>> person_at_terminal(Loop& loop, std::function<void()> on_end);
/// By a program, which gets the question as one JSON object on its standard input and says by its exit status: 0 yes, 1 no, 2 yes for this
/// session, 3 always, 4 never. Anything else is no.
[[nodiscard]] std::unique_ptr<AgentPerson> person_by_program(Loop& loop, const std::string& program);

}  // namespace tlspool::cli
