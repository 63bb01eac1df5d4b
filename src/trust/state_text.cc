// SPDX-License-Identifier: Apache-2.0
#include "trust/state_text.h"

#include <charconv>

#include "base/text.h"

namespace tlspool::trust {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

std::string first_line(std::string_view kind) { return "tlspool " + std::string(kind) + " 1"; }

bool plain(char c) { return c > ' ' && c < 0x7f && c != '%'; }

// An empty word is a dash, and a word that is a dash is written otherwise.
void append_word(std::string& out, std::string_view word) {
  if (word.empty()) out += '-';
  if (word == "-") {
    out += "%2D";
    return;
  }
  for (const char c : word) {
    if (plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', hex_digits[byte >> 4], hex_digits[byte & 15]};
  }
}

Result<std::string> word_of(std::string_view text) {
  std::string out;
  if (text == "-") return out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digits.find(text[i + 1]) : std::string_view::npos;
    const auto low = i + 2 < text.size() ? hex_digits.find(text[i + 2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) return fail({Code::config, "", "", "a % is not followed by two digits", {}});
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

tl::unexpected<Error> broken(const std::string& path, std::size_t line, std::string reason) {
  return fail({Code::config, "read", at_line(path, line), std::move(reason), "mend the file, or move it away; then reload"});
}

}  // namespace

StateText::StateText(std::string_view kind) : text_(first_line(kind) + '\n') {}

void StateText::add(std::initializer_list<std::string_view> words) {
  bool first = true;
  for (const std::string_view word : words) {
    if (!std::exchange(first, false)) text_ += ' ';
    append_word(text_, word);
  }
  text_ += '\n';
  ++rows_;
}

std::string StateText::take() {
  text_ += "end " + std::to_string(rows_) + '\n';
  return std::move(text_);
}

Result<std::vector<StateRow>> read_state_text(std::string_view text, std::string_view kind, const std::string& path) {
  std::vector<StateRow> out;
  std::size_t line = 0;
  bool ended = false;
  while (!text.empty()) {
    ++line;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return broken(path, line, "the line does not end");
    const std::string_view now = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (ended) return broken(path, line, "there is something behind the end");
    if (line == 1) {
      if (now != first_line(kind)) return broken(path, line, "the first line is not \"" + first_line(kind) + "\"");
      continue;
    }
    if (now.starts_with("end ")) {
      if (now.substr(4) != std::to_string(out.size())) return broken(path, line, "there are " + std::to_string(out.size()) + " rows above it");
      ended = true;
      continue;
    }
    StateRow& row = out.emplace_back(StateRow{line, {}});
    for (const std::string& part : split(now, ' ')) {
      for (const char c : part) {
        if (c <= ' ' || c >= 0x7f) return broken(path, line, "it has a byte that is not printable");
      }
      if (part.empty()) return broken(path, line, "it is empty, or has a blank too much");
      auto word = word_of(part);
      if (!word) return broken(path, line, word.error().reason);
      row.words.push_back(std::move(*word));
    }
  }
  if (!ended) return broken(path, line + 1, "the last line, which counts the others, is missing");
  return out;
}

Result<std::int64_t> state_number(const std::string& word) {
  std::int64_t out = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  if (error != std::errc{} || end != word.data() + word.size() || out < 0 || std::to_string(out) != word) {
    return fail({Code::config, "", "", "\"" + printable(word, 32) + "\" is no number", {}});
  }
  return out;
}

}  // namespace tlspool::trust
