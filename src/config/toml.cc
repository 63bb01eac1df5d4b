// SPDX-License-Identifier: Apache-2.0
// The only file that includes toml++, which is slow to compile.
#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/section.h"

namespace tlspool::config {
namespace {

/// What one call of read_toml() has found so far; the first mistake stays.
struct Progress {
  std::string file;
  std::string_view text;
  std::optional<Error> error;
  bool only_missing = false;  ///< the error is a key that isn't there: a misspelled one explains it better
  std::vector<std::size_t> lines;  ///< of `text`, made when they are first needed
};

/// What stands from a place on; empty where there is no such place.
std::string_view from(std::string_view text, std::size_t at) { return at < text.size() ? text.substr(at) : std::string_view{}; }

/// The first byte of each line.
std::vector<std::size_t> line_starts(std::string_view text) {
  std::vector<std::size_t> out{0};
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) out.push_back(at + 1);
  return out;
}

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

Section::Item item_of(const toml::node& node) {
  Section::Item out{std::nullopt, {}, line_of(node)};
  if (const auto* number = node.as_integer()) out.number = number->get();
  if (const auto* text = node.as_string()) out.text = text->get();
  return out;
}

bool is_text(const Section::Item& item) { return !item.text.empty() && item.text.find('\0') == std::string::npos; }

/// What stands in the file from a node on. A column counts characters, not bytes.
std::string_view written(Progress& progress, const toml::node& node) {
  if (progress.lines.empty()) progress.lines = line_starts(progress.text);
  const auto begin = node.source().begin;
  if (begin.line < 1 || begin.line > progress.lines.size()) return {};
  std::size_t at = progress.lines[begin.line - 1];
  for (std::uint32_t column = 1; column < begin.column && at < progress.text.size(); ++column) {
    do ++at;
    while (at < progress.text.size() && (static_cast<unsigned char>(progress.text[at]) & 0xc0) == 0x80);
  }
  return from(progress.text, at);
}

/// Where the first character of `out.text` stands, if the file has it as it reads.
void find_place(Progress& progress, const toml::node& node, wire::PlacedText& out) {
  const std::string_view literal = written(progress, node);
  const bool long_form = literal.starts_with("\"\"\"") || literal.starts_with("'''");
  const std::uint32_t quotes = long_form ? 3 : 1;
  std::string_view inside = from(literal, quotes);
  auto [line, column] = node.source().begin;
  column += quotes;
  if (long_form && (inside.starts_with('\n') || inside.starts_with("\r\n"))) {  // not part of the text
    inside.remove_prefix(inside.find('\n') + 1);
    ++line;
    column = 1;
  }
  if (!inside.starts_with(out.text)) return;
  out.line = line;
  out.column = column;
}

}  // namespace

struct Section::Table {
  const toml::table* table;
  std::string name;
  Progress* progress;
  std::set<std::string> asked;

  const toml::node* ask(std::string_view key) {
    asked.emplace(key);
    return table->get(key);
  }
  [[nodiscard]] std::string described(std::string_view key) const {
    return (name.empty() ? "" : "[" + name + "] ") + std::string(key);
  }
};

int Section::line() const { return line_of(*table_->table); }

int Section::line(std::string_view key) const { return has(key) ? line_of(*table_->table->get(key)) : line(); }

const std::string& Section::file() const { return table_->progress->file; }

bool Section::has(std::string_view key) const { return table_->table->contains(key); }

Place Section::place() const {
  Place out{file(), line(), {}};
  for (const auto& [key, node] : *table_->table) out.lines.emplace(key.str(), line_of(node));
  return out;
}

std::string Section::described(std::string_view key) const { return table_->described(key); }

bool Section::failed() const { return table_->progress->error.has_value(); }

void Section::wrong(int line, std::string reason, std::string advice) {
  Progress& progress = *table_->progress;
  if (!progress.error) progress.error = mistake(progress.file, line, std::move(reason), std::move(advice));
}

void Section::wrong(std::string_view key, std::string reason, std::string advice) {
  wrong(line(key), table_->described(key) + " " + std::move(reason), std::move(advice));
}

void Section::text(std::string_view key, std::string& out) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return;
  if (const auto* value = node->as_string()) {
    if (value->get().find('\0') != std::string::npos) return wrong(key, "must not contain a NUL");
    out = value->get();
  } else {
    wrong(key, "must be a text in quotes");
  }
}

void Section::needed_text(std::string_view key, std::string& out) {
  text(key, out);
  if (!out.empty() || failed()) return;
  wrong(key, "is missing or empty");
  table_->progress->only_missing = !has(key);
}

void Section::placed_text(std::string_view key, wire::PlacedText& out) {
  text(key, out.text);
  out.line = static_cast<std::uint32_t>(line(key));
  out.column = 0;
  const toml::node* node = table_->table->get(key);
  if (node != nullptr && node->is_string()) find_place(*table_->progress, *node, out);
}

void Section::flag(std::string_view key, bool& out) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return;
  if (const auto* value = node->as_boolean()) {
    out = value->get();
  } else {
    wrong(key, "must be true or false");
  }
}

void Section::number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return;
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < least || value->get() > most) {
    return wrong(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  out = static_cast<std::uint32_t>(value->get());
}

void Section::each(std::string_view key, const std::function<void(const Item&)>& take) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return wrong(key, "must be a list in [ ]");
  for (const toml::node& element : *array) take(item_of(element));
}

void Section::texts(std::string_view key, const std::function<void(const std::string&, int)>& take) {
  each(key, [&](const Item& item) {
    if (is_text(item)) return take(item.text, item.line);
    wrong(item.line, table_->described(key) + " must be a list of texts, none of them empty");
  });
}

void Section::one_or_each(std::string_view key, const std::function<void(const Item&)>& take) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return;
  if (!node->is_array()) return take(item_of(*node));
  if (node->as_array()->empty()) return wrong(key, "is an empty list", "leave it out where it makes no difference");
  each(key, take);
}

void Section::one_or_more(std::string_view key, const std::function<void(const std::string&, int)>& take) {
  one_or_each(key, [&](const Item& item) {
    if (is_text(item)) return take(item.text, item.line);
    wrong(item.line, table_->described(key) + " must be a text or a list of texts, none of them empty");
  });
}

std::optional<Section> Section::section(std::string_view key) {
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* table = node->as_table()) {
    return Section(std::make_shared<Table>(Table{table, std::string(key), table_->progress, {}}));
  }
  wrong(line_of(*node), "[" + std::string(key) + "] must be a table");
  return std::nullopt;
}

std::vector<Section> Section::sections(std::string_view key) {
  std::vector<Section> out;
  const std::string full = (table_->name.empty() ? "" : table_->name + ".") + std::string(key);
  const toml::node* node = table_->ask(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  const auto table = [](const toml::node& item) { return item.is_table(); };
  if (array == nullptr || !std::all_of(array->begin(), array->end(), table)) {
    wrong(line_of(*node), "write [[" + full + "]], in two pairs of brackets, for each one");
    return out;
  }
  for (const toml::node& item : *array) {
    out.push_back(Section(std::make_shared<Table>(Table{item.as_table(), full, table_->progress, {}})));
  }
  return out;
}

void Section::done() {
  Progress& progress = *table_->progress;
  for (const auto& [key, node] : *table_->table) {
    if (table_->asked.contains(std::string(key.str()))) continue;
    std::string known;
    for (const std::string& name : table_->asked) known += (known.empty() ? "" : ", ") + name;
    if (std::exchange(progress.only_missing, false)) progress.error.reset();
    return wrong(line_of(node), "unknown " + (table_->name.empty() ? "table or key" : "key in [" + table_->name + "]") +
                                    " \"" + printable(key.str()) + "\"",
                 "known here: " + known);
  }
}

Status read_toml(const Source& source, const std::function<void(Section&)>& read) {
  Progress progress{source.path, source.text, std::nullopt};
  try {
    const toml::table table = toml::parse(source.text, source.path);
    Section root(std::make_shared<Section::Table>(Section::Table{&table, "", &progress, {}}));
    read(root);
  } catch (const toml::parse_error& e) {
    return fail(mistake(source.path, static_cast<int>(e.source().begin.line), printable(e.description())));
  }
  if (progress.error) return fail(std::move(*progress.error));
  return {};
}

}  // namespace tlspool::config
