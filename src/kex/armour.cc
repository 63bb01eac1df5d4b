// SPDX-License-Identifier: Apache-2.0
#include "kex/armour.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "base/text.h"
#include "kex/plain_text.h"

namespace tlspool::kex {
namespace {

constexpr std::size_t columns = 76;
constexpr std::array steps{Step::client_hello, Step::server_hello, Step::client_finish, Step::server_finish};

tl::unexpected<Error> unreadable(std::string reason) {
  return fail({Code::invalid, "find message", "", std::move(reason), "copy all of it, from the line with BEGIN to the line with END"});
}

/// A line that begins or ends a message, as far as its dashes reach.
struct Frame {
  enum class Kind { begin, end };
  Kind kind = Kind::begin;
  Step step = Step::client_hello;
  std::size_t from = 0;
  std::size_t to = 0;
};

// What may stand between the words of a frame and in a body: blanks, ends of lines, marks of quoting.
bool is_filling(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '>' || c == '|'; }

std::size_t skip(std::string_view text, std::size_t at, char also = ' ') {
  while (at < text.size() && (is_filling(text[at]) || text[at] == also)) ++at;
  return at;
}

// The letters one after the other, whatever their case, and wherever lines were broken; where they end.
std::optional<std::size_t> match(std::string_view text, std::size_t at, std::string_view letters) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (i > 0) at = skip(text, at);
    if (at == text.size() || std::tolower(static_cast<unsigned char>(text[at])) != letters[i]) return std::nullopt;
    ++at;
  }
  return at;
}

std::optional<Frame> frame_at(std::string_view text, std::size_t at) {
  const char first = static_cast<char>(std::tolower(static_cast<unsigned char>(text[at])));
  if (first != 'b' && first != 'e') return std::nullopt;
  std::size_t from = at;
  while (from > 0 && (is_filling(text[from - 1]) || text[from - 1] == '-')) --from;
  if (text.substr(from, at - from).find('-') == std::string_view::npos) return std::nullopt;
  for (const Step step : steps) {
    std::string letters = (first == 'b' ? "begintls" : "endtls") + lower(label(step));
    std::erase(letters, ' ');
    const auto end = match(text, at, letters);
    if (!end) continue;
    const std::size_t dash = skip(text, *end);
    if (dash == text.size() || text[dash] != '-') return std::nullopt;
    return Frame{first == 'b' ? Frame::Kind::begin : Frame::Kind::end, step, from, skip(text, dash, '-')};
  }
  return std::nullopt;
}

std::vector<Frame> frames_in(std::string_view text) {
  std::vector<Frame> out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (auto frame = frame_at(text, at)) {
      out.push_back(*frame);
      at = frame->to - 1;
    }
  }
  return out;
}

// Its padding may be lost, or written as quoted-printable has it.
Result<Bytes> body(std::string_view text) {
  std::string letters;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_filling(c) || c == '-') continue;
    if (c == '=') {
      if (lower(text.substr(i + 1, 2)) == "3d") i += 2;
      continue;
    }
    const bool good = is_letter(c) || is_digit(c) || c == '+' || c == '/';
    if (!good) return unreadable("it has the character " + printable(std::string_view{&c, 1}) + " in it, which does not belong there");
    letters.push_back(c);
  }
  while (letters.size() % 4 != 0) letters.push_back('=');
  auto bytes = unbase64(letters);
  if (!bytes || bytes->empty()) return unreadable("a part of it is missing, or was changed");
  return std::move(*bytes);
}

Result<Armoured> message_between(std::string_view text, const Frame& begin, const Frame* end) {
  const std::string name = std::string("TLS ") + label(begin.step);
  if (end == nullptr || end->kind != Frame::Kind::end) return unreadable("BEGIN " + name + " is there, and its END is not");
  if (end->step != begin.step) return unreadable("BEGIN " + name + " ends as TLS " + label(end->step) + ": two messages have been mixed up");
  auto bytes = body(text.substr(begin.to, end->from - begin.to));
  if (!bytes) return fail(std::move(bytes.error()));
  return Armoured{begin.step, std::move(*bytes)};
}

}  // namespace

const char* label(Step step) {
  switch (step) {
    case Step::client_hello: return "CLIENT HELLO";
    case Step::server_hello: return "SERVER HELLO";
    case Step::client_finish: return "CLIENT FINISH";
    case Step::server_finish: return "SERVER FINISH";
  }
  return "";
}

std::string armour(Step step, ByteView message) {
  const std::string name = label(step);
  const std::string letters = base64(message);
  std::string out = "-----BEGIN TLS " + name + "-----\n";
  for (std::size_t at = 0; at < letters.size(); at += columns) out += letters.substr(at, columns) + "\n";
  return out + "-----END TLS " + name + "-----\n";
}

Result<std::vector<Armoured>> find_messages(std::string_view raw) {
  if (raw.size() > longest_text) return unreadable("the text is longer than " + std::to_string(longest_text) + " bytes");
  const std::string text = plain_text(raw);
  const std::vector<Frame> frames = frames_in(text);
  std::vector<Armoured> found;
  std::optional<Error> problem;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].kind != Frame::Kind::begin) continue;
    auto message = message_between(text, frames[i], i + 1 < frames.size() ? &frames[i + 1] : nullptr);
    if (message) {
      found.push_back(std::move(*message));
    } else if (!problem) {
      problem = std::move(message.error());
    }
  }
  if (!found.empty()) {
    std::ranges::stable_sort(found, std::greater{}, &Armoured::step);
    return found;
  }
  if (problem) return fail(std::move(*problem));
  if (!frames.empty()) return unreadable(std::string("END TLS ") + label(frames.front().step) + " is there, and its BEGIN is not");
  return unreadable("there is no message in the text");
}

bool has_end(std::string_view text) {
  return std::ranges::any_of(frames_in(plain_text(text)), [](const Frame& frame) { return frame.kind == Frame::Kind::end; });
}

}  // namespace tlspool::kex
