// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace tlspool {
namespace {
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string hex(ByteView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += digits[b >> 4];
    out += digits[b & 15];
  }
  return out;
}

std::optional<Bytes> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::string percent_encoded(std::string_view text, bool (*plain)(char)) {
  std::string out;
  for (const char& c : text) {
    if (plain(c)) {
      out += c;
    } else {
      out += '%' + hex(view({&c, 1}));
    }
  }
  return out;
}

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    const unsigned v = bytes[i] << 16 | (n > 1 ? bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
    out += alphabet[v >> 18];
    out += alphabet[v >> 12 & 63];
    out += n > 1 ? alphabet[v >> 6 & 63] : '=';
    out += n > 2 ? alphabet[v & 63] : '=';
  }
  return out;
}

std::optional<Bytes> unbase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned v = 0;
    int padding = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const char c = text[i + j];
      const bool last_group = i + 4 == text.size();
      if (c == '=' && last_group && j >= 2) {
        ++padding;
        v <<= 6;
        continue;
      }
      const auto at = alphabet.find(c);
      if (at == std::string_view::npos || padding > 0) return std::nullopt;
      v = v << 6 | static_cast<unsigned>(at);
    }
    if ((padding == 1 && (v & 0xff) != 0) || (padding == 2 && (v & 0xffff) != 0)) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(v >> 16));
    if (padding < 2) out.push_back(static_cast<std::uint8_t>(v >> 8));
    if (padding < 1) out.push_back(static_cast<std::uint8_t>(v));
  }
  return out;
}

std::string at_line(std::string_view file, std::int64_t line) { return std::string(file) + ":" + std::to_string(line); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const auto at = text.find(separator);
    out.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) return out + "...";
    const auto b = static_cast<std::uint8_t>(c);
    if (b >= 32 && b < 127) {
      out += c;
    } else {
      out += "\\x" + hex(ByteView{&b, 1});
    }
  }
  return out;
}

std::string normal_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return {};
  const std::string copy(text);
  for (const int family : {AF_INET, AF_INET6}) {
    std::array<std::uint8_t, sizeof(in6_addr)> address{};
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (inet_pton(family, copy.c_str(), address.data()) == 1) return inet_ntop(family, address.data(), out.data(), out.size());
  }
  return {};
}

bool is_ip_address(std::string_view text) { return !normal_address(text).empty(); }

}  // namespace tlspool
