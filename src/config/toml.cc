// SPDX-License-Identifier: Apache-2.0
// The only file that includes toml++, which is slow to compile.
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "config/checks.h"
#include "config/config.h"

namespace tlspool::config {
namespace {

/// What one call of parse() has found so far; the first mistake stays.
struct Progress {
  std::string file;
  std::optional<Error> error;
  bool only_missing = false;  ///< the error is a key that isn't there: a misspelled one explains it better
};

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

/// A table whose keys are taken one by one; what was never asked for is unknown.
class Section {
 public:
  Section(const toml::table& table, std::string name, Progress& progress)
      : table_(&table), name_(std::move(name)), progress_(&progress) {}

  [[nodiscard]] int line() const { return line_of(*table_); }
  [[nodiscard]] const std::string& file() const { return progress_->file; }
  [[nodiscard]] bool has(std::string_view key) const { return table_->contains(key); }
  [[nodiscard]] int line(std::string_view key) const { return has(key) ? line_of(*table_->get(key)) : line(); }

  void wrong(int line, std::string reason, std::string advice = {}) {
    if (!progress_->error) progress_->error = mistake(progress_->file, line, std::move(reason), std::move(advice));
  }
  void wrong(std::string_view key, std::string reason, std::string advice = {}) {
    wrong(line(key), described(key) + " " + std::move(reason), std::move(advice));
  }

  void text(std::string_view key, std::string& out) {
    const toml::node* node = ask(key);
    if (node == nullptr) return;
    if (const auto* value = node->as_string()) {
      if (value->get().find('\0') != std::string::npos) return wrong(key, "must not contain a NUL");
      out = value->get();
    } else {
      wrong(key, "must be a text in quotes");
    }
  }
  void needed_text(std::string_view key, std::string& out) {
    text(key, out);
    if (!out.empty() || progress_->error) return;
    wrong(key, "is missing or empty");
    progress_->only_missing = !has(key);
  }
  void flag(std::string_view key, bool& out) {
    const toml::node* node = ask(key);
    if (node == nullptr) return;
    if (const auto* value = node->as_boolean()) {
      out = value->get();
    } else {
      wrong(key, "must be true or false");
    }
  }
  void number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out) {
    const toml::node* node = ask(key);
    if (node == nullptr) return;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < least || value->get() > most) {
      return wrong(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    out = static_cast<std::uint32_t>(value->get());
  }
  template <class T>
  void word(std::string_view key, std::initializer_list<std::pair<std::string_view, T>> words, T& out) {
    std::string given;
    text(key, given);
    if (!has(key)) return;
    std::string known;
    for (const auto& [name, value] : words) {
      if (given == name) {
        out = value;
        return;
      }
      known += (known.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    }
    wrong(key, "must be one of " + known);
  }
  /// Calls `take(node)` for each element of an array.
  template <class Take>
  void each(std::string_view key, Take take) {
    const toml::node* node = ask(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) return wrong(key, "must be a list in [ ]");
    for (const toml::node& item : *array) take(item);
  }
  /// `take(text, line)` for each element of a list of texts, none of them empty.
  template <class Take>
  void texts(std::string_view key, Take take) {
    each(key, [&](const toml::node& item) {
      const auto* value = item.as_string();
      if (value == nullptr || value->get().empty() || value->get().find('\0') != std::string::npos) {
        return wrong(line_of(item), described(key) + " must be a list of texts, none of them empty");
      }
      take(value->get(), line_of(item));
    });
  }
  [[nodiscard]] std::optional<Section> section(std::string_view key) {
    const toml::node* node = ask(key);
    if (node == nullptr) return std::nullopt;
    if (const auto* table = node->as_table()) return Section(*table, std::string(key), *progress_);
    wrong(line_of(*node), "[" + std::string(key) + "] must be a table");
    return std::nullopt;
  }
  [[nodiscard]] std::vector<Section> sections(std::string_view key) {
    std::vector<Section> out;
    const std::string full = (name_.empty() ? "" : name_ + ".") + std::string(key);
    const toml::node* node = ask(key);
    if (node == nullptr) return out;
    const auto* array = node->as_array();
    const auto table = [](const toml::node& item) { return item.is_table(); };
    if (array == nullptr || !std::all_of(array->begin(), array->end(), table)) {
      wrong(line_of(*node), "write [[" + full + "]], in two pairs of brackets, for each one");
      return out;
    }
    for (const toml::node& item : *array) out.emplace_back(*item.as_table(), full, *progress_);
    return out;
  }
  /// Every key that nobody asked for is a mistake.
  void done() {
    for (const auto& [key, node] : *table_) {
      if (asked_.contains(std::string(key.str()))) continue;
      std::string known;
      for (const std::string& name : asked_) known += (known.empty() ? "" : ", ") + name;
      if (std::exchange(progress_->only_missing, false)) progress_->error.reset();
      return wrong(line_of(node), "unknown " + (name_.empty() ? "table or key" : "key in [" + name_ + "]") + " \"" +
                                      printable(key.str()) + "\"",
                   "known here: " + known);
    }
  }

 private:
  [[nodiscard]] std::string described(std::string_view key) const {
    return (name_.empty() ? "" : "[" + name_ + "] ") + std::string(key);
  }
  const toml::node* ask(std::string_view key) {
    asked_.emplace(key);
    return table_->get(key);
  }
  const toml::table* table_;
  std::string name_;
  Progress* progress_;
  std::set<std::string> asked_;
};

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

void read_roles(Section& section, std::uint8_t& out) {
  if (!section.has("role")) {
    section.texts("role", [](const std::string&, int) {});
    return;
  }
  out = 0;
  section.texts("role", [&](const std::string& word, int line) {
    if (word == "client") {
      out |= wire::role_client;
    } else if (word == "server") {
      out |= wire::role_server;
    } else {
      section.wrong(line, "role must be \"client\" or \"server\", not \"" + printable(word) + "\"");
    }
  });
  if (out == 0) section.wrong("role", "names no role");
}

void read_pool(Section s, Config& config) {
  s.text("name", config.name);
  if (!config.name.empty()) {
    auto name = normal_identity(config.name);
    if (!name) return s.wrong("name", "is no identity: " + name.error().reason);
    config.name = *name;
  }
  s.number("workers", 0, 256, config.workers);
  s.word<bool>("minimum_version", {{"1.2", true}, {"1.3", false}}, config.tls12);
  s.done();
}

void read_log(Section s, Config& config) {
  using log::Format;
  using log::Level;
  s.word<Format>("format", {{"text", Format::text}, {"json", Format::json}}, config.log_format);
  s.word<Level>("level",
                {{"debug", Level::debug}, {"info", Level::info}, {"warning", Level::warning}, {"error", Level::error}},
                config.log_level);
  s.done();
}

void read_limits(Section s, wire::Limits& limits) {
  s.number("sessions", 1, 1'000'000, limits.sessions);
  s.number("handshakes", 1, 1'000'000, limits.handshakes);
  s.number("handshakes_per_uid", 1, 1'000'000, limits.handshakes_per_uid);
  s.number("control_connections", 1, 1'000'000, limits.control_connections);
  std::uint32_t seconds = limits.handshake_deadline_ms / 1000;
  s.number("handshake_deadline", 1, 600, seconds);
  limits.handshake_deadline_ms = seconds * 1000;
  s.done();
}

void read_trust(Section s, Trust& trust, const std::string& directory) {
  s.flag("system", trust.system);
  s.texts("anchors", [&](const std::string& file, int) { trust.anchors.push_back(below(directory, file)); });
  s.done();
}

void read_users(Section s, Users& users) {
  s.needed_text("keeper", users.keeper);
  s.needed_text("worker", users.worker);
  s.needed_text("judge", users.judge);
  s.done();
}

void read_token(Section s, Config& config, const std::string& keeper) {
  wire::TokenSetup token;
  s.needed_text("name", token.name);
  s.needed_text("module", token.module);
  if (!token.module.empty() && !token.module.starts_with('/')) s.wrong("module", "must be an absolute path");
  s.needed_text("uri", token.uri);
  if (!token.uri.starts_with("pkcs11:")) s.wrong("uri", "must be a PKCS#11 URI such as \"pkcs11:token=tlspool\"");
  s.text("pin_file", token.pin_file);
  if (!token.pin_file.empty()) token.pin_file = below(keeper, token.pin_file);
  s.text("pin_credential", token.pin_credential);
  if (token.pin_credential.find('/') != std::string::npos) s.wrong("pin_credential", "must be a name without /");
  if (!token.pin_file.empty() && !token.pin_credential.empty()) {
    s.wrong("pin_credential", "stands beside pin_file", "keep one of the two");
  }
  s.number("parallel", 1, 64, token.parallel);
  s.done();
  for (const auto& other : config.tokens) {
    if (other.name == token.name) s.wrong("name", "\"" + printable(token.name) + "\" is there twice");
  }
  config.tokens.push_back(std::move(token));
}

void read_ids(Section& s, std::string_view key, AllowName::Kind kind, std::vector<std::uint32_t>& numbers,
              Config& config) {
  s.each(key, [&](const toml::node& item) {
    const int line = line_of(item);
    // The last number means "nobody" to the kernel.
    if (const auto* number = item.as_integer(); number != nullptr && number->get() >= 0 && number->get() < 0xffffffff) {
      numbers.push_back(static_cast<std::uint32_t>(number->get()));
    } else if (const auto* name = item.as_string(); name != nullptr && !name->get().empty()) {
      config.allow_names.push_back({config.allow.size(), kind, name->get(), s.file() + ":" + std::to_string(line)});
    } else {
      s.wrong(line, "[allow] " + std::string(key) + " must be a list of numbers or names");
    }
  });
}

void read_allow(Section s, Config& config) {
  wire::AllowRule rule;
  const std::size_t names = config.allow_names.size();
  read_ids(s, "uid", AllowName::Kind::user, rule.uids, config);
  read_ids(s, "gid", AllowName::Kind::group, rule.gids, config);
  s.texts("executable", [&](const std::string& path, int line) {
    if (!path.starts_with('/')) return s.wrong(line, "[allow] executable must be an absolute path");
    rule.executables.push_back(path);
  });
  s.texts("identity", [&](const std::string& name, int line) {
    if (name == "*") return rule.identities.push_back(name);
    auto normal = normal_identity(name);
    if (!normal) return s.wrong(line, "[allow] identity \"" + printable(name) + "\": " + normal.error().reason);
    rule.identities.push_back(*normal);
  });
  read_roles(s, rule.roles);
  s.done();
  // A rule without a condition would let every program of the machine in.
  if (rule.uids.empty() && rule.gids.empty() && rule.executables.empty() && config.allow_names.size() == names) {
    s.wrong(s.line(), "this [[allow]] says of nobody that he may", "give it a uid, a gid or an executable");
  }
  config.allow.push_back(std::move(rule));
}

void read_credential(Section s, Identity& identity, const std::string& directory) {
  Credential credential;
  credential.line = s.line();
  credential.file = s.file();
  s.needed_text("key", credential.key);
  if (!credential.key.starts_with("pkcs11:")) s.wrong("key", "must be a PKCS#11 URI: keys never lie in files");
  s.needed_text("chain", credential.chain);
  if (!credential.chain.starts_with("pkcs11:")) credential.chain = below(directory, credential.chain);
  s.text("token", credential.token);
  s.done();
  identity.credentials.push_back(std::move(credential));
}

void read_identity(Section s, Config& config, const std::string& directory) {
  Identity identity;
  s.needed_text("name", identity.name);
  if (auto name = normal_identity(identity.name)) {
    identity.name = *name;
  } else {
    s.wrong("name", "is no host name and no user@domain: " + name.error().reason);
  }
  read_roles(s, identity.roles);
  for (Section& credential : s.sections("credential")) read_credential(std::move(credential), identity, directory);
  if (identity.credentials.empty()) s.wrong(s.line(), "this identity has no [[identity.credential]]");
  s.done();
  config.identities.push_back(std::move(identity));
}

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

void read_main(Section root, Config& config, const std::string& directory, const std::string& keeper) {
  if (auto s = root.section("pool")) read_pool(std::move(*s), config);
  if (auto s = root.section("log")) read_log(std::move(*s), config);
  if (auto s = root.section("limits")) read_limits(std::move(*s), config.limits);
  if (auto s = root.section("trust")) read_trust(std::move(*s), config.trust, directory);
  if (auto s = root.section("users")) read_users(std::move(*s), config.users);
  for (Section& s : root.sections("token")) read_token(std::move(s), config, keeper);
  for (Section& s : root.sections("allow")) read_allow(std::move(s), config);
  for (Section& s : root.sections("identity")) read_identity(std::move(s), config, directory_of(root.file()));
  root.done();
}

void read_drop_in(Section root, Config& config) {
  for (Section& s : root.sections("identity")) read_identity(std::move(s), config, directory_of(root.file()));
  root.done();
}

}  // namespace

Result<Config> parse(const std::vector<Source>& sources, const std::string& directory, const std::string& keeper) {
  Config config;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Progress progress{sources[i].path, std::nullopt};
    try {
      const toml::table table = toml::parse(sources[i].text, sources[i].path);
      Section root(table, "", progress);
      if (i == 0) {
        read_main(std::move(root), config, directory, keeper);
      } else {
        read_drop_in(std::move(root), config);
      }
    } catch (const toml::parse_error& e) {
      return fail(mistake(sources[i].path, static_cast<int>(e.source().begin.line), printable(e.description())));
    }
    if (progress.error) return fail(std::move(*progress.error));
  }
  if (auto done = check_references(config); !done) return fail(std::move(done.error()));
  return config;
}

}  // namespace tlspool::config
