// SPDX-License-Identifier: Apache-2.0
#include "keeper/uri.h"

#include <cstring>

namespace tlspool::keeper {
namespace {

std::string escaped(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._@";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto b = static_cast<std::uint8_t>(c);
      out += '%';
      out += digits[b >> 4];
      out += digits[b & 15];
    }
  }
  return out;
}

}  // namespace

Result<Uri> Uri::parse(const std::string& text) {
  Handle handle{p11_kit_uri_new()};
  const int rc = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, handle.get());
  if (rc != P11_KIT_URI_OK) {
    return fail({Code::config, "PKCS#11 URI", text, p11_kit_uri_message(rc),
                 "RFC 7512 has the form, for example pkcs11:token=LABEL;object=NAME;type=private"});
  }
  if (p11_kit_uri_any_unrecognized(handle.get()) != 0) {
    return fail({Code::config, "PKCS#11 URI", text, "an attribute in it is unknown or of another version", {}});
  }
  return Uri(std::move(handle), text);
}

bool Uri::matches(const CK_TOKEN_INFO& token) const {
  return p11_kit_uri_match_token_info(handle_.get(), &token) != 0;
}

bool Uri::matches_slot(CK_SLOT_ID id, const CK_SLOT_INFO& slot) const {
  const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(handle_.get());
  if (wanted != static_cast<CK_SLOT_ID>(-1) && wanted != id) return false;
  return p11_kit_uri_match_slot_info(handle_.get(), &slot) != 0;
}

std::optional<CK_OBJECT_CLASS> Uri::object_class() const {
  const auto value = attribute(CKA_CLASS);
  if (!value || value->size() != sizeof(CK_OBJECT_CLASS)) return std::nullopt;
  CK_OBJECT_CLASS out;
  std::memcpy(&out, value->data(), sizeof out);
  return out;
}

std::optional<Bytes> Uri::attribute(CK_ATTRIBUTE_TYPE type) const {
  const CK_ATTRIBUTE* found = p11_kit_uri_get_attribute(handle_.get(), type);
  if (found == nullptr || found->pValue == nullptr) return std::nullopt;
  const auto* value = static_cast<const std::uint8_t*>(found->pValue);
  return Bytes(value, value + found->ulValueLen);
}

std::string token_uri(const std::string& label) { return "pkcs11:token=" + escaped(label); }

std::string private_key_uri(const std::string& label, const std::string& object, ByteView id) {
  std::string out = token_uri(label);
  if (!object.empty()) out += ";object=" + escaped(object);
  if (!id.empty()) {
    out += ";id=";
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const std::uint8_t b : id) {
      out += '%';
      out += digits[b >> 4];
      out += digits[b & 15];
    }
  }
  return out + ";type=private";
}

}  // namespace tlspool::keeper
