// SPDX-License-Identifier: Apache-2.0
#include "qkd/target.h"

#include <charconv>

#include "base/text.h"

namespace tlspool::qkd {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = unhex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += static_cast<char>(byte->front());
    i += 2;
  }
  return out;
}

Result<std::uint32_t> number_of(const std::string& name, const std::string& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && !text.empty()) return number;
  return fail({Code::protocol, "query", name, name + ": no number in range", {}});
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  constexpr std::string_view prefix = "/api/v1/keys/";
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  const auto mark = text.find('?');
  const std::string_view query = mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
  const std::vector<std::string> path = split(text.substr(0, mark), '/');
  if (path.size() != 2) return std::nullopt;
  Target out;
  const auto sae = decoded(path[0]);
  if (!sae || !etsi014::is_sae_id(*sae)) return std::nullopt;
  out.sae = *sae;
  if (path[1] == "status") {
    out.operation = etsi014::Operation::status;
  } else if (path[1] == "enc_keys") {
    out.operation = etsi014::Operation::enc_keys;
  } else if (path[1] == "dec_keys") {
    out.operation = etsi014::Operation::dec_keys;
  } else {
    return std::nullopt;
  }
  if (query.empty()) return out;
  for (const std::string& pair : split(query, '&')) {
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = decoded(std::string_view(pair).substr(0, equals));
    const auto value = decoded(std::string_view(pair).substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return std::nullopt;
    out.query.emplace_back(*name, *value);
  }
  return out;
}

Result<etsi014::KeyRequest> key_request_of(const Target& target) {
  etsi014::KeyRequest out;
  for (const auto& [name, value] : target.query) {
    if (name != "number" && name != "size") {
      return fail({Code::protocol, "query", name, "a query has number and size only; use POST for the rest", {}});
    }
    const auto number = number_of(name, value);
    if (!number) return fail(number.error());
    if (*number == 0) return fail({Code::protocol, "query", name, name + ": out of range", {}});
    (name == "number" ? out.number : out.size) = *number;
  }
  return out;
}

Result<std::vector<std::string>> key_ids_of(const Target& target) {
  if (target.query.size() != 1 || target.query.front().first != "key_ID") {
    return fail({Code::protocol, "query", "key_ID", "one key_ID is asked for by GET; use POST for more", {}});
  }
  const std::string id = etsi014::normal_uuid(target.query.front().second);
  if (id.empty()) return fail({Code::protocol, "query", "key_ID", "key_ID: no UUID", {}});
  return std::vector<std::string>{id};
}

}  // namespace tlspool::qkd
