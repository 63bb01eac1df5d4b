// SPDX-License-Identifier: Apache-2.0
#include "keeper/key_objects.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/contains.h"

namespace tlspool::keeper {
namespace {

constexpr std::size_t check_size = 8;

Called<std::vector<CK_OBJECT_HANDLE>> find_all(const Session& session, std::vector<CK_ATTRIBUTE> wanted) {
  CK_FUNCTION_LIST* calls = session.calls();
  CK_RV rv = calls->C_FindObjectsInit(session.handle(), wanted.data(), wanted.size());
  if (rv != CKR_OK) return failed(session, "C_FindObjectsInit", rv);
  std::vector<CK_OBJECT_HANDLE> out;
  std::array<CK_OBJECT_HANDLE, 256> chunk{};
  CK_ULONG count = 0;
  do {
    rv = calls->C_FindObjects(session.handle(), chunk.data(), chunk.size(), &count);
    if (rv == CKR_OK) out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<long>(count));
  } while (rv == CKR_OK && count > 0);
  (void)calls->C_FindObjectsFinal(session.handle());
  if (rv != CKR_OK) return failed(session, "C_FindObjects", rv);
  return out;
}

bool is_listed(const Session& session, CK_OBJECT_HANDLE object) {
  const CK_BBOOL yes = CK_TRUE;
  const auto all = find_all(session, {attribute_of(CKA_TOKEN, yes)});
  return !all || contains(*all, object);
}

// Says nothing about the state of the token, only about this object. A module that another process overtook in the
// middle of a call may have only a general word for it: then the object is looked at once more. That of a YubiHSM2 has
// no other word, and remembers objects that it has seen: only a search asks the device.
bool object_is_gone(const Session& session, CK_OBJECT_HANDLE object, CK_RV rv) {
  if (rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID) return true;
  if (rv != CKR_GENERAL_ERROR && rv != CKR_FUNCTION_FAILED) return false;
  CK_OBJECT_CLASS its_class = 0;
  CK_ATTRIBUTE wanted = attribute_of(CKA_CLASS, its_class);
  if (session.calls()->C_GetAttributeValue(session.handle(), object, &wanted, 1) == CKR_OBJECT_HANDLE_INVALID) return true;
  return rv == CKR_FUNCTION_FAILED && !is_listed(session, object);
}

CK_OBJECT_CLASS class_of(wire::KeyObject object) {
  switch (object) {
    case wire::KeyObject::secret: return CKO_SECRET_KEY;
    case wire::KeyObject::data: return CKO_DATA;
  }
  return CKO_SECRET_KEY;
}

// A handle that a module gave to another object meanwhile must not be read or signed with as if it were the key. One call
// for the id and the value; the label is left out, since SoftHSM decrypts each attribute.
Called<bool> is_the_key(const Session& session, CK_OBJECT_HANDLE object, ByteView id, CK_ATTRIBUTE* value) {
  std::array<std::uint8_t, 512> its_id;
  CK_ATTRIBUTE wanted[2] = {{CKA_ID, its_id.data(), its_id.size()}, {}};
  if (value != nullptr) wanted[1] = *value;
  const CK_RV rv = session.calls()->C_GetAttributeValue(session.handle(), object, wanted, value != nullptr ? 2 : 1);
  if (object_is_gone(session, object, rv) || rv == CKR_BUFFER_TOO_SMALL) return false;
  if (rv == CKR_ATTRIBUTE_SENSITIVE) {
    return failed(session, "C_GetAttributeValue", rv,
                  "the key can't be read: set mode = \"derived\" on both sites, or store keys that are extractable");
  }
  if (rv != CKR_OK) return failed(session, "C_GetAttributeValue", rv);
  if (value != nullptr) value->ulValueLen = wanted[1].ulValueLen;
  const ByteView found{its_id.data(), std::min<std::size_t>(wanted[0].ulValueLen, its_id.size())};
  return std::equal(found.begin(), found.end(), id.begin(), id.end());
}

}  // namespace

Called<std::vector<CK_OBJECT_HANDLE>> find_keys(const Session& session, const KeyLabel& label,
                                                const std::optional<Bytes>& id) {
  const CK_OBJECT_CLASS its_class = class_of(label.object);
  const CK_BBOOL yes = CK_TRUE;
  std::vector<CK_ATTRIBUTE> wanted{attribute_of(CKA_CLASS, its_class), attribute_of(CKA_TOKEN, yes),
                                   attribute_bytes(CKA_LABEL, view(label.label))};
  if (id) wanted.push_back(attribute_bytes(CKA_ID, *id));
  auto out = find_all(session, std::move(wanted));
  if (!out || !id || label.object != wire::KeyObject::data) return out;
  // A YubiHSM2 takes the id 0 for any, and a longer one for its first 2 bytes.
  std::vector<CK_OBJECT_HANDLE> same;
  for (const CK_OBJECT_HANDLE h : *out) {
    auto its_id = key_id(session, h);
    if (!its_id) return tl::unexpected<CallFailure>(std::move(its_id.error()));
    if (*its_id == *id) same.push_back(h);
  }
  return same;
}

Called<std::optional<Bytes>> key_id(const Session& session, CK_OBJECT_HANDLE object) {
  Bytes id(512);
  CK_ATTRIBUTE wanted = attribute_bytes(CKA_ID, id);
  const CK_RV rv = session.calls()->C_GetAttributeValue(session.handle(), object, &wanted, 1);
  // An id that is longer, or none at all, is of no key of ours.
  if (object_is_gone(session, object, rv) || rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_TYPE_INVALID) return std::nullopt;
  if (rv != CKR_OK) return failed(session, "C_GetAttributeValue", rv);
  if (wanted.ulValueLen > id.size()) return std::nullopt;
  id.resize(wanted.ulValueLen);
  return id;
}

Called<std::optional<Secret>> key_value(const Session& session, CK_OBJECT_HANDLE object, ByteView id) {
  Secret out{std::size_t{1024}};
  CK_ATTRIBUTE value{CKA_VALUE, out.writable().data(), out.size()};
  auto same = is_the_key(session, object, id, &value);
  if (!same) return tl::unexpected<CallFailure>(std::move(same.error()));
  if (!*same || value.ulValueLen > out.size()) return std::nullopt;
  out.shrink(value.ulValueLen);
  return out;
}

Called<std::optional<Secret>> key_hmac(const Session& session, CK_OBJECT_HANDLE object, ByteView id, ByteView input) {
  auto same = is_the_key(session, object, id, nullptr);
  if (!same) return tl::unexpected<CallFailure>(std::move(same.error()));
  if (!*same) return std::nullopt;
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_RV rv = session.calls()->C_SignInit(session.handle(), &mechanism, object);
  if (object_is_gone(session, object, rv)) return std::nullopt;
  if (rv != CKR_OK) return failed(session, "C_SignInit", rv, "derived mode needs a token with CKM_SHA256_HMAC and keys that may sign");
  Secret out{std::size_t{32}};
  CK_ULONG size = out.size();
  rv = session.calls()->C_Sign(session.handle(), const_cast<std::uint8_t*>(input.data()), input.size(),
                               out.writable().data(), &size);
  if (object_is_gone(session, object, rv)) return std::nullopt;
  if (rv == CKR_OK && size != out.size()) rv = CKR_SIGNATURE_LEN_RANGE;
  if (rv != CKR_OK) return failed(session, "C_Sign", rv);
  return out;
}

Called<std::optional<Bytes>> key_check(const Session& session, CK_OBJECT_HANDLE object, wire::KeyObject kind,
                                       ByteView id, ByteView input) {
  if (kind == wire::KeyObject::secret) {
    auto sum = key_hmac(session, object, id, input);
    if (sum && !sum->has_value()) return std::nullopt;
    if (sum) return copy_of((*sum)->bytes().first(check_size));
    if (token_is_broken(sum.error().rv)) return tl::unexpected<CallFailure>(std::move(sum.error()));
  }
  // An opaque object, or a key that another program stored without leave to sign.
  auto value = key_value(session, object, id);
  if (!value) return tl::unexpected<CallFailure>(std::move(value.error()));
  if (!value->has_value()) return std::nullopt;
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> sum;
  unsigned size = 0;
  const ByteView key = (*value)->bytes();
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), input.size(), sum.data(), &size) == nullptr) {
    return tl::unexpected<CallFailure>(CallFailure{{Code::internal, "HMAC", session.subject(), "failed", {}}, CKR_OK});
  }
  return copy_of(ByteView{sum.data(), check_size});
}

Called<Destroyed> destroy_key(const Session& session, CK_OBJECT_HANDLE object) {
  const CK_RV rv = session.calls()->C_DestroyObject(session.handle(), object);
  if (rv == CKR_OK) return Destroyed::by_us;
  if (object_is_gone(session, object, rv)) return Destroyed::by_another;
  return failed(session, "C_DestroyObject", rv);
}

namespace {

// The module of a YubiHSM2 says "failed" whatever the reason. The token is in order if it can be searched; what is refused
// is this object.
tl::unexpected<CallFailure> refused_data(const Session& session, ByteView id) {
  const CK_OBJECT_CLASS data = CKO_DATA;
  auto all = find_all(session, {attribute_of(CKA_CLASS, data)});
  if (!all) return tl::unexpected<CallFailure>(std::move(all.error()));
  for (const CK_OBJECT_HANDLE h : *all) {
    auto its_id = key_id(session, h);
    if (!its_id || !*its_id || !std::equal((*its_id)->begin(), (*its_id)->end(), id.begin(), id.end())) continue;
    auto out = failed(session, "C_CreateObject", CKR_ATTRIBUTE_VALUE_INVALID, "take another number");
    out.value().error.reason = "the token has an object with this id already, perhaps with another label";
    return out;
  }
  auto out = failed(session, "C_CreateObject", CKR_DEVICE_MEMORY, "use or remove keys, or spread them over several tokens");
  out.value().error.reason = "the token takes no further object: it is full, or does not allow it";
  return out;
}

}  // namespace

Called<CK_OBJECT_HANDLE> create_key(const Session& session, const KeyLabel& label, ByteView id, ByteView value,
                                    wire::KeyMode mode) {
  const CK_OBJECT_CLASS its_class = class_of(label.object);
  const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
  const CK_BBOOL yes = CK_TRUE;
  const CK_BBOOL no = CK_FALSE;
  const bool plain = mode == wire::KeyMode::plain;
  std::vector<CK_ATTRIBUTE> made{attribute_of(CKA_CLASS, its_class), attribute_of(CKA_TOKEN, yes),
                                 attribute_of(CKA_PRIVATE, yes), attribute_bytes(CKA_LABEL, view(label.label)),
                                 attribute_bytes(CKA_ID, id), attribute_bytes(CKA_VALUE, value)};
  switch (label.object) {
    case wire::KeyObject::secret:
      made.push_back(attribute_of(CKA_KEY_TYPE, type));
      made.push_back(attribute_of(CKA_SIGN, yes));
      made.push_back(attribute_of(CKA_SENSITIVE, plain ? no : yes));
      made.push_back(attribute_of(CKA_EXTRACTABLE, plain ? yes : no));
      break;
    case wire::KeyObject::data: break;
  }
  CK_OBJECT_HANDLE handle = 0;
  const CK_RV rv = session.calls()->C_CreateObject(session.handle(), made.data(), made.size(), &handle);
  if (rv == CKR_OK && label.object == wire::KeyObject::data) {
    // A YubiHSM2 chooses itself where it is given 0. Nobody would ever find that key.
    auto its_id = key_id(session, handle);
    if (!its_id) return tl::unexpected<CallFailure>(std::move(its_id.error()));
    if (*its_id == copy_of(id)) return handle;
    if (auto gone = destroy_key(session, handle); !gone) return tl::unexpected<CallFailure>(std::move(gone.error()));
    auto out = failed(session, "C_CreateObject", CKR_ATTRIBUTE_VALUE_INVALID, "take another number");
    out.value().error.reason = "the token does not take this id but chooses another";
    return out;
  }
  if (rv == CKR_OK) return handle;
  if (rv == CKR_FUNCTION_FAILED && label.object == wire::KeyObject::data) return refused_data(session, id);
  auto out = failed(session, "C_CreateObject", rv);
  if (rv == CKR_DEVICE_MEMORY) {
    out.value().error.reason += ": the token is full";
    out.value().error.advice = "use or remove keys, or spread them over several tokens";
  } else if (rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_DATA_LEN_RANGE) {
    out.value().error.advice = "the token takes no label of " + std::to_string(label.label.size()) + " bytes with an id of " +
                               std::to_string(id.size()) + " and a key of " + std::to_string(value.size());
  }
  return out;
}

}  // namespace tlspool::keeper
