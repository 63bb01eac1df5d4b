// SPDX-License-Identifier: Apache-2.0
#include "metrics/request.h"

#include <algorithm>

#include "base/text.h"

namespace tlspool::metrics {
namespace {

constexpr std::string_view where = "The metrics are at /metrics.\n";

// RFC 9110 section 5.6.2.
bool token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

// RFC 9110 section 5.5: what a field's value may have. Bytes above 127 are somebody's name in Latin-1.
bool field(std::string_view line) {
  const auto colon = line.find(':');
  return colon != std::string_view::npos && token(line.substr(0, colon)) &&
         std::ranges::all_of(line.substr(colon), [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 127); });
}

Answer answer_to_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Answer::bad;
  const std::string_view method = line.substr(0, first);
  std::string_view path = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!token(method) || !visible(path) || path.front() != '/' || (version != "HTTP/1.1" && version != "HTTP/1.0")) return Answer::bad;
  path = path.substr(0, path.find('?'));
  if (path != "/metrics" && path != "/") return Answer::not_found;
  if (method != "GET" && method != "HEAD") return Answer::no_method;
  if (path == "/") return Answer::index;
  return method == "GET" ? Answer::page : Answer::page_head;
}

std::string_view status(Answer answer) {
  switch (answer) {
    case Answer::wait: break;
    case Answer::page:
    case Answer::page_head:
    case Answer::index: return "200 OK";
    case Answer::bad: return "400 Bad Request";
    case Answer::not_found: return "404 Not Found";
    case Answer::no_method: return "405 Method Not Allowed";
    case Answer::too_long: return "431 Request Header Fields Too Large";
  }
  return "408 Request Timeout";
}

}  // namespace

Answer answer_to(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return bytes.size() >= longest_request ? Answer::too_long : Answer::wait;
  if (end + 4 > longest_request) return Answer::too_long;
  std::string_view rest = bytes.substr(0, end + 2);
  const auto first = rest.find("\r\n");
  const std::string_view line = rest.substr(0, first);
  rest.remove_prefix(first + 2);
  while (!rest.empty()) {
    const auto at = rest.find("\r\n");
    if (!field(rest.substr(0, at))) return Answer::bad;
    rest.remove_prefix(at + 2);
  }
  return answer_to_line(line);
}

std::string response(Answer answer, std::string_view page) {
  const bool metrics = answer == Answer::page || answer == Answer::page_head;
  const std::string_view body = metrics ? page : answer == Answer::index ? where : std::string_view{};
  std::string out = "HTTP/1.1 ";
  out += status(answer);
  out += "\r\nContent-Type: ";
  out += metrics ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";
  if (answer == Answer::no_method) out += "\r\nAllow: GET, HEAD";
  out += "\r\nContent-Length: " + std::to_string(body.size());
  out += "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
  if (answer != Answer::page_head) out += body;
  return out;
}

}  // namespace tlspool::metrics
