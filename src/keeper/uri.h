// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <p11-kit/uri.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/handle.h"
#include "keeper/ck.h"

namespace tlspool::keeper {

/// A parsed RFC 7512 URI. What it says about PINs (pin-value, pin-source) is not looked at: PINs have their own ways.
class Uri {
 public:
  [[nodiscard]] static Result<Uri> parse(const std::string& text);

  [[nodiscard]] bool matches(const CK_TOKEN_INFO& token) const;
  [[nodiscard]] bool matches_slot(CK_SLOT_ID id, const CK_SLOT_INFO& slot) const;
  [[nodiscard]] std::optional<CK_OBJECT_CLASS> object_class() const;
  [[nodiscard]] std::optional<Bytes> label() const { return attribute(CKA_LABEL); }
  [[nodiscard]] std::optional<Bytes> id() const { return attribute(CKA_ID); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  using Handle = std::unique_ptr<P11KitUri, Freed<p11_kit_uri_free>>;
  Uri(Handle handle, std::string text) : handle_(std::move(handle)), text_(std::move(text)) {}
  [[nodiscard]] std::optional<Bytes> attribute(CK_ATTRIBUTE_TYPE type) const;
  Handle handle_;
  std::string text_;
};

/// "pkcs11:token=LABEL"
[[nodiscard]] std::string token_uri(const std::string& label);
/// "pkcs11:token=LABEL;object=OBJECT;type=private", with id= where `id` is not empty.
[[nodiscard]] std::string private_key_uri(const std::string& label, const std::string& object, ByteView id);

}  // namespace tlspool::keeper
