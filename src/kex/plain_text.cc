// SPDX-License-Identifier: Apache-2.0
#include "kex/plain_text.h"

#include <array>
#include <utility>

namespace tlspool::kex {
namespace {

using namespace std::string_view_literals;

// In UTF-8; an empty second part: nobody sees it.
constexpr std::array replacements = {
    std::pair{"\r\n"sv, "\n"sv},          std::pair{"\r"sv, "\n"sv},
    std::pair{"\f"sv, "\n"sv},            std::pair{"\v"sv, "\n"sv},
    std::pair{"&gt;"sv, ">"sv},           std::pair{"&nbsp;"sv, " "sv},
    std::pair{"<br>"sv, "\n"sv},          std::pair{"<br/>"sv, "\n"sv},
    std::pair{"<br />"sv, "\n"sv},        std::pair{"\xc2\xa0"sv, " "sv},       // no-break space
    std::pair{"\xc2\xad"sv, ""sv},        std::pair{"\xe2\x80\x8b"sv, ""sv},    // soft hyphen, zero width space
    std::pair{"\xe2\x80\x8c"sv, ""sv},    std::pair{"\xe2\x80\x8d"sv, ""sv},    // zero width joiners
    std::pair{"\xe2\x80\x8e"sv, ""sv},    std::pair{"\xe2\x80\x8f"sv, ""sv},    // marks of direction
    std::pair{"\xe2\x81\xa0"sv, ""sv},    std::pair{"\xef\xbb\xbf"sv, ""sv},    // word joiner, byte order mark
    std::pair{"\xe2\x80\x90"sv, "-"sv},   std::pair{"\xe2\x80\x91"sv, "-"sv},   // hyphen, non-breaking hyphen
    std::pair{"\xe2\x80\x92"sv, "-"sv},   std::pair{"\xe2\x80\x93"sv, "-"sv},   // figure dash, en dash
    std::pair{"\xe2\x80\x94"sv, "--"sv},  std::pair{"\xe2\x80\x95"sv, "--"sv},  // em dash, horizontal bar
    std::pair{"\xe2\x88\x92"sv, "-"sv},   std::pair{"\xe2\x80\xa8"sv, "\n"sv},  // minus, line separator
    std::pair{"\xe2\x80\xa9"sv, "\n"sv},  std::pair{"\xe2\x80\xaf"sv, " "sv},   // paragraph separator, narrow no-break space
    std::pair{"\xe2\x80\x83"sv, " "sv},   std::pair{"\xe2\x80\x82"sv, " "sv},   // em space, en space
    std::pair{"\xe3\x80\x80"sv, " "sv},   std::pair{"\xe2\x80\x89"sv, " "sv},   // ideographic space, thin space
};

}  // namespace

std::string plain_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto* found = replacements.end();
    // All of them begin with one of these; most characters do not.
    if (const auto first = static_cast<unsigned char>(rest.front()); first >= 0xc2 || first < ' ' || first == '&' || first == '<') {
      for (found = replacements.begin(); found != replacements.end() && !rest.starts_with(found->first);) ++found;
    }
    if (found == replacements.end()) {
      out.push_back(rest.front());
      ++at;
    } else {
      out += found->second;
      at += found->first.size();
    }
  }
  return out;
}

}  // namespace tlspool::kex
