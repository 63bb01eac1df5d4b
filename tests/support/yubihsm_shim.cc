// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module with the limits of a YubiHSM2, on top of SoftHSM2. What it enforces is what Yubico's module does:
//   objects     at most 256 for all purposes (TLSPOOL_YUBIHSM_OBJECTS sets another number); then CKR_FUNCTION_FAILED
//   CKO_DATA    "opaque": the only objects that can be made and read back. CKA_ID has 2 bytes, and belongs to one object
//               of the device, whatever the labels. Id 0 means in a search any, and in a new object that the device chooses
//   labels      at most 40 bytes
//   secret keys can't be made here, and never be read
//   a handle whose object has gone: C_GetAttributeValue has no better word than CKR_FUNCTION_FAILED
//   the PIN     4 hexadecimal digits, the authentication key, then its password of 8 characters or more
// An identity's private key and certificate pass as they are. SoftHSM has no CKA_ID for data: it is CKA_OBJECT_ID there.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "real_token.h"

namespace {

constexpr CK_ULONG most_objects = 256;
constexpr CK_ULONG longest_label = 40;
constexpr CK_ULONG longest_id = 2;
constexpr std::size_t shortest_password = 8;
constexpr unsigned first_own_choice = 0x4000;

CK_FUNCTION_LIST real_calls;
CK_FUNCTION_LIST our_calls;

using Template = std::vector<CK_ATTRIBUTE>;

CK_ULONG room() {
  const char* text = std::getenv("TLSPOOL_YUBIHSM_OBJECTS");
  return text != nullptr ? std::strtoul(text, nullptr, 10) : most_objects;
}

CK_ATTRIBUTE* attribute(Template& all, CK_ATTRIBUTE_TYPE type) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const CK_ATTRIBUTE& a) { return a.type == type; });
  return it == all.end() ? nullptr : &*it;
}

std::optional<CK_OBJECT_CLASS> class_of(Template& all) {
  const CK_ATTRIBUTE* a = attribute(all, CKA_CLASS);
  if (a == nullptr || a->ulValueLen != sizeof(CK_OBJECT_CLASS)) return std::nullopt;
  CK_OBJECT_CLASS out = 0;
  std::memcpy(&out, a->pValue, sizeof out);
  return out;
}

unsigned number_of(const CK_ATTRIBUTE& id) {
  unsigned out = 0;
  for (CK_ULONG i = 0; i < id.ulValueLen; ++i) out = out << 8 | static_cast<const unsigned char*>(id.pValue)[i];
  return out;
}

bool too_long(Template& all) {
  const CK_ATTRIBUTE* label = attribute(all, CKA_LABEL);
  const CK_ATTRIBUTE* id = attribute(all, CKA_ID);
  return (label != nullptr && label->ulValueLen > longest_label) || (id != nullptr && id->ulValueLen > longest_id);
}

CK_RV count(CK_SESSION_HANDLE session, Template wanted, CK_ULONG& out) {
  CK_RV rv = real_calls.C_FindObjectsInit(session, wanted.data(), wanted.size());
  if (rv != CKR_OK) return rv;
  std::vector<CK_OBJECT_HANDLE> found(most_objects);
  CK_ULONG some = 0;
  for (out = 0; (rv = real_calls.C_FindObjects(session, found.data(), found.size(), &some)) == CKR_OK && some > 0;) out += some;
  (void)real_calls.C_FindObjectsFinal(session);
  return rv;
}

CK_RV is_taken(CK_SESSION_HANDLE session, unsigned number, bool& out) {
  CK_OBJECT_CLASS data = CKO_DATA;
  unsigned char id[2] = {static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)};
  CK_ULONG there = 0;
  const CK_RV rv = count(session, {{CKA_CLASS, &data, sizeof data}, {CKA_OBJECT_ID, id, sizeof id}}, there);
  out = there > 0;
  return rv;
}

CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE* given, CK_ULONG size, CK_OBJECT_HANDLE* object) {
  Template all(given, given + size);
  if (too_long(all)) return CKR_ATTRIBUTE_VALUE_INVALID;
  const auto its_class = class_of(all);
  if (!its_class) return CKR_TEMPLATE_INCOMPLETE;
  if (*its_class == CKO_SECRET_KEY) return CKR_ATTRIBUTE_VALUE_INVALID;
  CK_ULONG there = 0;
  if (const CK_RV rv = count(session, {}, there); rv != CKR_OK) return rv;
  if (there >= room()) return CKR_FUNCTION_FAILED;
  if (*its_class != CKO_DATA) return real_calls.C_CreateObject(session, all.data(), all.size(), object);
  CK_ATTRIBUTE* id = attribute(all, CKA_ID);
  unsigned number = id != nullptr ? number_of(*id) : 0;
  bool taken = true;
  if (number != 0) {
    if (const CK_RV rv = is_taken(session, number, taken); rv != CKR_OK) return rv;
    if (taken) return CKR_FUNCTION_FAILED;
  }
  for (number = number != 0 ? number : first_own_choice; taken; number += taken ? 1 : 0) {
    if (const CK_RV rv = is_taken(session, number, taken); rv != CKR_OK) return rv;
  }
  unsigned char chosen[2] = {static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)};
  if (id == nullptr) id = &all.emplace_back();
  *id = {CKA_OBJECT_ID, chosen, sizeof chosen};
  return real_calls.C_CreateObject(session, all.data(), all.size(), object);
}

CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE* given, CK_ULONG size) {
  Template all(given, given + size);
  if (class_of(all) == CKO_DATA) {
    if (too_long(all)) return CKR_ATTRIBUTE_VALUE_INVALID;
    if (CK_ATTRIBUTE* id = attribute(all, CKA_ID); id != nullptr) {
      id->type = CKA_OBJECT_ID;
      if (number_of(*id) == 0) all.erase(all.begin() + (id - all.data()));
    }
  }
  return real_calls.C_FindObjectsInit(session, all.data(), all.size());
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted, CK_ULONG size) {
  CK_OBJECT_CLASS its_class = 0;
  CK_ATTRIBUTE first{CKA_CLASS, &its_class, sizeof its_class};
  CK_RV rv = real_calls.C_GetAttributeValue(session, object, &first, 1);
  if (rv == CKR_OBJECT_HANDLE_INVALID) return CKR_FUNCTION_FAILED;
  if (rv != CKR_OK) return rv;
  Template all(wanted, wanted + size);
  if (its_class == CKO_SECRET_KEY && attribute(all, CKA_VALUE) != nullptr) return CKR_ATTRIBUTE_SENSITIVE;
  if (its_class == CKO_DATA) {
    if (CK_ATTRIBUTE* id = attribute(all, CKA_ID); id != nullptr) id->type = CKA_OBJECT_ID;
  }
  rv = real_calls.C_GetAttributeValue(session, object, all.data(), all.size());
  for (CK_ULONG i = 0; i < size; ++i) wanted[i].ulValueLen = all[i].ulValueLen;
  return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_FUNCTION_FAILED : rv;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
  constexpr std::size_t digits = 4;
  const bool is_form = size >= digits + shortest_password && std::all_of(pin, pin + digits, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (user == CKU_USER && !is_form) return CKR_PIN_INCORRECT;
  return real_calls.C_Login(session, user, pin, size);
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV rv = real_calls.C_GetTokenInfo(slot, info);
  if (rv != CKR_OK) return rv;
  constexpr std::string_view model = "YubiHSM";
  std::fill(std::begin(info->model), std::end(info->model), ' ');
  std::copy(model.begin(), model.end(), std::begin(info->model));
  return rv;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (const CK_RV rv = load_real_token(softhsm, real_calls); rv != CKR_OK) return rv;
  our_calls = real_calls;
  our_calls.C_GetFunctionList = &C_GetFunctionList;
  our_calls.C_CreateObject = &create_object;
  our_calls.C_FindObjectsInit = &find_objects_init;
  our_calls.C_GetAttributeValue = &get_attribute_value;
  our_calls.C_Login = &login;
  our_calls.C_GetTokenInfo = &get_token_info;
  *list = &our_calls;
  return CKR_OK;
}
