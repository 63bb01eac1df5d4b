// SPDX-License-Identifier: Apache-2.0
// The key numbers of identity.h: between CKA_ID and what people and identities say.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "sharedkey/identity.h"

namespace tlspool::sharedkey {
namespace {

constexpr std::size_t longest_text = 64;

tl::unexpected<Error> bad_id(std::string_view text, std::string reason, std::string advice = {}) {
  return fail({Code::invalid, "parse key id", '"' + printable(text) + '"', std::move(reason), std::move(advice)});
}

/// Size in bytes of the ids that are numbers.
std::size_t number_size(wire::IdForm form) { return form == wire::IdForm::brief ? 2 : 8; }

Result<Bytes> number_from(std::string_view text, std::size_t size) {
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  // 010 is eight to some and ten to others.
  if (!hexadecimal && digits.size() > 1 && digits[0] == '0') return bad_id(text, "a decimal number has no leading zero");
  if (hexadecimal && digits.size() > 2 * size) return bad_id(text, "has more than " + std::to_string(2 * size) + " hexadecimal digits");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  const bool too_large = error == std::errc::result_out_of_range || (error == std::errc{} && size < 8 && value >> (8 * size) != 0);
  if (too_large) return bad_id(text, "is above what " + std::to_string(size) + " bytes hold");
  if (error != std::errc{} || end != digits.data() + digits.size())
    return bad_id(text, "is not a number", "write it in decimal, or in hexadecimal after 0x");
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[size - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  return out;
}

Result<Bytes> uuid_from(std::string_view text) {
  std::string digits;
  bool good = text.size() == 36;
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash) good = text[i] == '-';
    else digits += text[i];
  }
  auto bytes = good ? unhex(digits) : std::nullopt;
  if (!bytes || bytes->size() != 16)
    return bad_id(text, "is not a UUID", "it looks like 550e8400-e29b-41d4-a716-446655440000");
  return std::move(*bytes);
}

bool is_text_id(ByteView id) {
  return !id.empty() && id.size() <= longest_text && std::all_of(id.begin(), id.end(), [](std::uint8_t c) { return c > 0x20 && c < 0x7f; });
}

Result<Bytes> text_from(std::string_view text) {
  if (!is_text_id(view(text))) return bad_id(text, "is not a text of 1 to " + std::to_string(longest_text) + " printable characters without blanks");
  return copy_of(view(text));
}

}  // namespace

Result<Bytes> id_from_text(wire::IdForm form, std::string_view text) {
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief: return number_from(text, number_size(form));
    case wire::IdForm::uuid: return uuid_from(text);
    case wire::IdForm::text: return text_from(text);
  }
  return bad_id(text, "has no form");
}

Result<Bytes> id_of(wire::IdForm form, const PskIdentity& identity) {
  if (!identity.raw_id) return id_from_text(form, identity.id);
  const ByteView raw = view(identity.id);
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief: {
      const std::size_t size = number_size(form);
      if (raw.empty() || raw.size() > size)
        return bad_id(identity.id, "has " + std::to_string(raw.size()) + " bytes, not 1 to " + std::to_string(size));
      Bytes out(size - raw.size());
      out.insert(out.end(), raw.begin(), raw.end());
      return out;
    }
    case wire::IdForm::uuid:
      if (raw.size() != 16) return bad_id(identity.id, "has " + std::to_string(raw.size()) + " bytes, not 16");
      return copy_of(raw);
    case wire::IdForm::text: return text_from(identity.id);
  }
  return bad_id(identity.id, "has no form");
}

std::string id_text(wire::IdForm form, ByteView id) {
  const auto plain_hex = [&] { return "0x" + hex(id); };
  switch (form) {
    case wire::IdForm::number:
    case wire::IdForm::brief: {
      if (id.size() != number_size(form)) return plain_hex();
      std::uint64_t value = 0;
      for (const std::uint8_t byte : id) value = value << 8 | byte;
      return std::to_string(value);
    }
    case wire::IdForm::uuid: {
      if (id.size() != 16) return plain_hex();
      std::string out = hex(id);
      for (const std::size_t dash : {20, 16, 12, 8}) out.insert(dash, 1, '-');
      return out;
    }
    case wire::IdForm::text: return is_text_id(id) ? std::string(text_of(id)) : plain_hex();
  }
  return plain_hex();
}

Result<Bytes> id_from_uuid(wire::IdForm form, std::string_view uuid) {
  auto bytes = uuid_from(uuid);
  if (!bytes) return bytes;
  switch (form) {
    case wire::IdForm::uuid: break;
    case wire::IdForm::number: {
      Bytes out(2);
      out.insert(out.end(), bytes->end() - 6, bytes->end());
      return out;
    }
    case wire::IdForm::brief: return Bytes(bytes->end() - 2, bytes->end());
    case wire::IdForm::text: return copy_of(view(id_text(wire::IdForm::uuid, *bytes)));
  }
  return bytes;
}

Direction direction_of(ByteView id, std::string_view own_address, std::string_view other_address) {
  const bool odd = !id.empty() && (id.back() & 1) != 0;
  const bool smaller = own_address < other_address;
  return smaller != odd ? Direction::outgoing : Direction::incoming;
}

}  // namespace tlspool::sharedkey
