// SPDX-License-Identifier: Apache-2.0
// The only file that includes toml++, which is slow to compile.
#include <toml++/toml.h>

#include <algorithm>

#include "base/text.h"
#include "config/checks.h"
#include "config/config.h"
#include "config/section.h"
#include "config/tables.h"

namespace tlspool::config {
namespace {

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }
const toml::table& table_of(const void* table) { return *static_cast<const toml::table*>(table); }
const toml::node* node_of(const void* node) { return static_cast<const toml::node*>(node); }

}  // namespace

int Section::line() const { return line_of(table_of(table_)); }
int Section::line(std::string_view key) const { return has(key) ? line_of(*table_of(table_).get(key)) : line(); }
bool Section::has(std::string_view key) const { return table_of(table_).contains(key); }

void Section::wrong(int line, std::string reason, std::string advice) {
  if (!progress_->error) progress_->error = mistake(progress_->file, line, std::move(reason), std::move(advice));
}

void Section::wrong(std::string_view key, const std::string& reason, std::string advice) {
  wrong(line(key), described(key) + " " + reason, std::move(advice));
}

std::string Section::described(std::string_view key) const {
  return (name_.empty() ? "" : "[" + name_ + "] ") + std::string(key);
}

const void* Section::ask(std::string_view key) {
  asked_.emplace(key);
  return table_of(table_).get(key);
}

void Section::text(std::string_view key, std::string& out) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return;
  const auto* value = node->as_string();
  if (value == nullptr) return wrong(key, "must be a text in quotes");
  if (value->get().find('\0') != std::string::npos) return wrong(key, "must not contain a NUL");
  out = value->get();
}

void Section::needed_text(std::string_view key, std::string& out) {
  text(key, out);
  if (!out.empty() || progress_->error) return;
  wrong(key, "is missing or empty");
  progress_->only_missing = !has(key);
}

void Section::flag(std::string_view key, bool& out) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return;
  const auto* value = node->as_boolean();
  if (value == nullptr) return wrong(key, "must be true or false");
  out = value->get();
}

void Section::number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return;
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < least || value->get() > most) {
    return wrong(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  out = static_cast<std::uint32_t>(value->get());
}

void Section::texts(std::string_view key, const std::function<void(const std::string&, int)>& take) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return wrong(key, "must be a list in [ ]");
  for (const toml::node& item : *array) {
    const auto* value = item.as_string();
    if (value == nullptr || value->get().empty() || value->get().find('\0') != std::string::npos) {
      wrong(line_of(item), described(key) + " must be a list of texts, none of them empty");
    } else {
      take(value->get(), line_of(item));
    }
  }
}

void Section::ids(std::string_view key, const std::function<void(const Id&)>& take) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return wrong(key, "must be a list in [ ]");
  for (const toml::node& item : *array) {
    Id id;
    id.line = line_of(item);
    // The last number means "nobody" to the kernel.
    if (const auto* number = item.as_integer(); number != nullptr && number->get() >= 0 && number->get() < 0xffffffff) {
      id.number = static_cast<std::uint32_t>(number->get());
    } else if (const auto* name = item.as_string(); name != nullptr) {
      id.name = name->get();
    }
    take(id);
  }
}

std::optional<Section> Section::section(std::string_view key) {
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return std::nullopt;
  if (const auto* table = node->as_table()) return Section(table, std::string(key), *progress_);
  wrong(line_of(*node), "[" + std::string(key) + "] must be a table");
  return std::nullopt;
}

std::vector<Section> Section::sections(std::string_view key) {
  std::vector<Section> out;
  const std::string full = (name_.empty() ? "" : name_ + ".") + std::string(key);
  const toml::node* node = node_of(ask(key));
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  const auto is_table = [](const toml::node& item) { return item.is_table(); };
  if (array == nullptr || !std::all_of(array->begin(), array->end(), is_table)) {
    wrong(line_of(*node), "write [[" + full + "]], in two pairs of brackets, for each one");
    return out;
  }
  for (const toml::node& item : *array) out.emplace_back(item.as_table(), full, *progress_);
  return out;
}

void Section::done() {
  for (const auto& [key, node] : table_of(table_)) {
    if (asked_.contains(std::string(key.str()))) continue;
    std::string known;
    for (const std::string& name : asked_) known += (known.empty() ? "" : ", ") + name;
    if (std::exchange(progress_->only_missing, false)) progress_->error.reset();
    return wrong(line_of(node), "unknown " + (name_.empty() ? "table or key" : "key in [" + name_ + "]") + " \"" +
                                    printable(key.str()) + "\"",
                 "known here: " + known);
  }
}

Result<Config> parse(const std::vector<Source>& sources, const std::string& directory, const std::string& keeper) {
  Config config;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Progress progress{sources[i].path, std::nullopt};
    try {
      const toml::table table = toml::parse(sources[i].text, sources[i].path);
      Section root(&table, "", progress);
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
