// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/shared_keys.h"

namespace tlspool::sharedkey {

/// The name by which a peer asks for a key that both sites have: "pkcs:object=hsm.isp.net;id=5678". Parsed once;
/// nothing below sees the text.
struct PskIdentity {
  std::string object;    ///< address of the key store of the side that sends the identity
  std::string id;        ///< the key's number, percent-decoded; of RFC 7512 the raw bytes
  bool raw_id = false;   ///< the id is CKA_ID itself (RFC 7512), not text
  bool derived = false;  ///< ";derived=hmac-sha256": the PSK is computed in the token
};

/// Whether the bytes claim to be an identity of ours ("pkcs:" or "pkcs11:", in any case of letters). Only then is a
/// parse error a reason to refuse the peer; other names may be tickets or lasting keys.
[[nodiscard]] bool looks_like_identity(ByteView bytes);

/// Strict: the document's form, cqptoolkit's "?id=", and RFC 7512. Percent-encoding only where it is due (free in an RFC
/// 7512 id), each attribute once, no attribute that is unknown, no empty value, printable ASCII without blanks, at most
/// `longest` bytes. Error: Code::invalid, its subject the identity made printable.
[[nodiscard]] Result<PskIdentity> parse_identity(ByteView bytes, std::size_t longest = 128);

/// `id` is CKA_ID. The inverse of parse_identity() for every form but `text`, where it is `object` as it stands.
[[nodiscard]] std::string write_identity(wire::IdentityForm form, wire::IdForm id_form, std::string_view object, ByteView id,
                                         bool derived);

/// CKA_ID of a key number that people write: decimal or 0x... for `number` (64 bits) and `brief` (16 bits), a UUID, any
/// text of 1 to 64 printable ASCII bytes, no blanks. Code::invalid.
[[nodiscard]] Result<Bytes> id_from_text(wire::IdForm form, std::string_view text);
/// CKA_ID of a parsed identity. Raw ids of `number` and `brief` may have fewer bytes (leading zeros left out).
[[nodiscard]] Result<Bytes> id_of(wire::IdForm form, const PskIdentity& identity);
/// For people and identities: "5678", "550e8400-e29b-41d4-a716-446655440000". Printable whatever the bytes are.
[[nodiscard]] std::string id_text(wire::IdForm form, ByteView id);
/// CKA_ID for a key that a key management entity names by a UUID: the UUID itself, its last 6 bytes as a number, its
/// last 2 bytes, or its text. Both sites must come to the same.
[[nodiscard]] Result<Bytes> id_from_uuid(wire::IdForm form, std::string_view uuid);

enum class Direction { outgoing, incoming };  ///< outgoing: our side is the TLS client
/// Which side may use a key as client: last bit of the id 0, the side whose address is smaller (bytewise); 1, the
/// larger one. Pure in what both sides know, so that no key serves both directions (RFC 9257 section 5.1, "Selfie").
[[nodiscard]] Direction direction_of(ByteView id, std::string_view own_address, std::string_view other_address);

}  // namespace tlspool::sharedkey
