// SPDX-License-Identifier: Apache-2.0
#include "sharedkey/identity.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::size_t longest_id = 64;
constexpr std::size_t uuid_bytes = 16;

bool is_printable(char c) { return c > 0x20 && c < 0x7f; }
bool all_printable(std::string_view text) { return std::all_of(text.begin(), text.end(), is_printable); }

// RFC 7512 section 2.3: unreserved, pk11-res-avail and "&".
bool stands_for_itself(char c) {
  constexpr std::string_view others = "-._~:[]@!$'()*+,=&";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!stands_for_itself(text[i])) return std::nullopt;
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return out;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (stands_for_itself(c)) {
      out += c;
    } else {
      out += "%" + hex(view({&c, 1}));
    }
  }
  return out;
}

enum class Scheme { none, pkcs, pkcs11 };

Scheme scheme_of(std::string_view text) {
  const std::string start = lower(text.substr(0, 7));
  if (start.starts_with("pkcs11:")) return Scheme::pkcs11;
  return start.starts_with("pkcs:") ? Scheme::pkcs : Scheme::none;
}

std::size_t number_bytes(wire::IdForm form) { return form == wire::IdForm::brief ? 2 : 8; }

Bytes big_endian(std::uint64_t value, std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[size - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  return out;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    return std::nullopt;  // one number, one spelling; and nobody takes it for octal
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

tl::unexpected<Error> bad_id(std::string_view id, std::string reason) {
  return fail({Code::invalid, "key id", printable(id, 80), std::move(reason), {}});
}

}  // namespace

bool looks_like_identity(ByteView bytes) { return scheme_of(text_of(bytes)) != Scheme::none; }

Result<PskIdentity> parse_identity(ByteView bytes, std::size_t longest) {
  std::string_view text = text_of(bytes);
  const auto bad = [&](std::string reason) {
    return fail({Code::invalid, "identity", printable(text_of(bytes), 160), std::move(reason),
                 "it should read like pkcs:object=hsm.isp.net;id=5678"});
  };
  if (bytes.size() > longest) return bad("it has " + std::to_string(bytes.size()) + " bytes, and at most " + std::to_string(longest) + " are taken");
  const Scheme scheme = scheme_of(text);
  if (scheme == Scheme::none) return bad("it is no pkcs: or pkcs11: URI");
  text.remove_prefix(text.find(':') + 1);
  PskIdentity out;
  out.raw_id = scheme == Scheme::pkcs11;
  bool cqptoolkit = false;
  while (true) {
    const auto end = text.find_first_of(";?");
    const std::string_view attribute = text.substr(0, end);
    const auto equals = attribute.find('=');
    if (equals == std::string_view::npos) return bad("an attribute has no value");
    const std::string_view name = attribute.substr(0, equals);
    const auto value = decoded(attribute.substr(equals + 1));
    if (!value) return bad("the percent-encoding of " + printable(name, 20) + " is wrong");
    if (value->empty()) return bad(printable(name, 20) + " is empty");
    if (name == "object" && out.object.empty()) {
      if (!all_printable(*value)) return bad("object is no address");
      out.object = *value;
    } else if (name == "id" && out.id.empty()) {
      if (value->size() > longest_id) return bad("id has more than " + std::to_string(longest_id) + " bytes");
      if (!out.raw_id && !all_printable(*value)) return bad("id is no number, no UUID and no name");
      out.id = *value;
    } else if (name == "derived" && !out.derived && !cqptoolkit) {
      if (*value != "hmac-sha256") return bad("derived is not hmac-sha256");
      out.derived = true;
    } else {
      return bad("attribute " + printable(name, 20) + " is unknown or there twice");
    }
    if (end == std::string_view::npos) break;
    if (text[end] == '?') {
      // cqptoolkit writes pkcs:object=hsm.isp.net?id=5678 and nothing else.
      if (cqptoolkit || scheme != Scheme::pkcs || out.object.empty() || !out.id.empty() || out.derived) return bad("a ? stands where none belongs");
      cqptoolkit = true;
    } else if (cqptoolkit) {
      return bad("something follows the id");
    }
    text.remove_prefix(end + 1);
  }
  if (out.object.empty()) return bad("object is missing");
  if (out.id.empty()) return bad("id is missing");
  return out;
}

std::string write_identity(wire::IdentityForm form, wire::IdForm id_form, std::string_view object, ByteView id, bool derived) {
  std::string out = form == wire::IdentityForm::pkcs11 ? "pkcs11:" : "pkcs:";
  out += "object=" + encoded(object) + (form == wire::IdentityForm::cqptoolkit ? "?id=" : ";id=");
  if (form == wire::IdentityForm::pkcs11) {
    const bool is_number = id_form == wire::IdForm::number || id_form == wire::IdForm::brief;
    while (is_number && id.size() > 1 && id.front() == 0) id = id.subspan(1);
    for (const std::uint8_t byte : id) out += "%" + hex({&byte, 1});
  } else {
    out += encoded(id_text(id_form, id));
  }
  // cqptoolkit knows no derived keys; the configuration refuses that pair.
  if (derived && form != wire::IdentityForm::cqptoolkit) out += ";derived=hmac-sha256";
  return out;
}

Result<Bytes> id_from_text(wire::IdForm form, std::string_view text) {
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief: {
      const auto number = number_of(text);
      const std::size_t size = number_bytes(form);
      if (!number) return bad_id(text, "it is no number (decimal without leading zeros, or 0x and hexadecimal digits)");
      if (size < 8 && *number >> (8 * size) != 0) return bad_id(text, "it does not fit into 2 bytes");
      return big_endian(*number, size);
    }
    case wire::IdForm::uuid: {
      std::string digits;
      for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-')) return bad_id(text, "it is no UUID");
        if (!dash) digits += text[i];
      }
      auto bytes = unhex(digits);
      if (!bytes || bytes->size() != uuid_bytes) return bad_id(text, "it is no UUID");
      return std::move(*bytes);
    }
    case wire::IdForm::text:
      if (text.empty() || text.size() > longest_id || !all_printable(text)) return bad_id(text, "it is no text of 1 to 64 printable characters");
      return copy_of(view(text));
  }
  return bad_id(text, "its form is unknown");
}

Result<Bytes> id_of(wire::IdForm form, const PskIdentity& identity) {
  if (!identity.raw_id) return id_from_text(form, identity.id);
  Bytes raw = copy_of(view(identity.id));
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief: {
      const std::size_t size = number_bytes(form);
      if (raw.size() > size) return bad_id(identity.id, "it has more than " + std::to_string(size) + " bytes");
      raw.insert(raw.begin(), size - raw.size(), 0);
      return raw;
    }
    case wire::IdForm::uuid:
      if (raw.size() != uuid_bytes) return bad_id(identity.id, "a UUID has 16 bytes");
      return raw;
    case wire::IdForm::text: return id_from_text(form, identity.id);
  }
  return bad_id(identity.id, "its form is unknown");
}

std::string id_text(wire::IdForm form, ByteView id) {
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief:
      if (id.size() == number_bytes(form)) {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : id) value = value << 8 | byte;
        return std::to_string(value);
      }
      break;
    case wire::IdForm::uuid:
      if (id.size() == uuid_bytes) {
        std::string out = hex(id);
        for (const std::size_t at : {8, 13, 18, 23}) out.insert(at, 1, '-');
        return out;
      }
      break;
    case wire::IdForm::text: return printable(text_of(id));
  }
  return "0x" + hex(id);  // another program wrote it in a form of its own
}

Result<Bytes> id_from_uuid(wire::IdForm form, std::string_view uuid) {
  auto bytes = id_from_text(wire::IdForm::uuid, uuid);
  if (!bytes) return bytes;
  switch (form) {
    case wire::IdForm::uuid: return bytes;
    case wire::IdForm::text: return copy_of(view(id_text(wire::IdForm::uuid, *bytes)));
    case wire::IdForm::number: {
      Bytes out(2, 0);
      out.insert(out.end(), bytes->end() - 6, bytes->end());
      return out;
    }
    case wire::IdForm::brief: return Bytes(bytes->end() - 2, bytes->end());
  }
  return bytes;
}

Direction direction_of(ByteView id, std::string_view own_address, std::string_view other_address) {
  const bool larger_is_client = !id.empty() && (id.back() & 1) != 0;
  const bool own_is_larger = own_address > other_address;
  return larger_is_client == own_is_larger ? Direction::outgoing : Direction::incoming;
}

}  // namespace tlspool::sharedkey
