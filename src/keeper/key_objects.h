// SPDX-License-Identifier: Apache-2.0
// Shared keys as objects of a PKCS#11 token: one call or two each, inside Token::use().
#pragma once
#include <optional>

#include "keeper/signature.h"
#include "wire/shared_keys.h"

namespace tlspool::keeper {

template <class T>
using Called = tl::expected<T, CallFailure>;
/// Hands a failure on, whatever was to come of the call.
template <class T>
[[nodiscard]] tl::unexpected<CallFailure> pass(Called<T>& failed) { return tl::unexpected<CallFailure>(std::move(failed.error())); }

/// The objects of one label, in one login.
struct KeyLabel {
  std::string label;
  wire::KeyObject object = wire::KeyObject::secret;
};

/// Every object of the label; with `id`, those of that id.
[[nodiscard]] Called<std::vector<CK_OBJECT_HANDLE>> find_keys(const Session& session, const KeyLabel& label,
                                                              const std::optional<Bytes>& id);
/// CKA_ID; std::nullopt where the object is gone: another program destroyed it.
[[nodiscard]] Called<std::optional<Bytes>> key_id(const Session& session, CK_OBJECT_HANDLE object);
/// CKA_VALUE; std::nullopt where the object is gone, or the handle is of another object by now.
[[nodiscard]] Called<std::optional<Secret>> key_value(const Session& session, CK_OBJECT_HANDLE object, ByteView id);
/// HMAC-SHA256 of `input` in the token; std::nullopt as above.
[[nodiscard]] Called<std::optional<Secret>> key_hmac(const Session& session, CK_OBJECT_HANDLE object, ByteView id,
                                                     ByteView input);
/// The first 8 bytes of HMAC-SHA256, computed in the token where it does that, else here from the value.
[[nodiscard]] Called<std::optional<Bytes>> key_check(const Session& session, CK_OBJECT_HANDLE object,
                                                     wire::KeyObject kind, ByteView id, ByteView input);

enum class Destroyed { by_us, by_another };
/// C_DestroyObject: of all who try, in any process, exactly one gets by_us.
[[nodiscard]] Called<Destroyed> destroy_key(const Session& session, CK_OBJECT_HANDLE object);

/// Makes a token object. Plain keys can be read again by who logs in; derived ones can only be used.
[[nodiscard]] Called<CK_OBJECT_HANDLE> create_key(const Session& session, const KeyLabel& label, ByteView id,
                                                  ByteView value, wire::KeyMode mode);

}  // namespace tlspool::keeper
