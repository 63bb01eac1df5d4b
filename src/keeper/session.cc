// SPDX-License-Identifier: Apache-2.0
#include "keeper/session.h"

#include <array>
#include <cstring>

namespace tlspool::keeper {

Error login_error(const Slot& slot, CK_RV rv, const std::string& subject) {
  Error out = call_error("C_Login", rv, subject);
  if (out.code == Code::pin_rejected && slot.model().starts_with("YubiHSM")) {
    out.advice = "the PIN of a YubiHSM is the number of the authentication key, 4 hexadecimal digits, and its password "
                 "of at least 8 characters, such as 0001password; enter it with `tlspool pin`";
  }
  return out;
}

Result<std::vector<Slot>> list_tokens(const Module& module) {
  const std::string subject = "module=" + module.path();
  CK_ULONG count = 0;
  CK_RV rv = module->C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> ids(rv == CKR_OK ? count + 8 : 0);  // room for one that is plugged in just now
  count = ids.size();
  if (rv == CKR_OK) rv = module->C_GetSlotList(CK_TRUE, ids.data(), &count);
  if (rv != CKR_OK) return fail(call_error("C_GetSlotList", rv, subject));
  ids.resize(count);
  std::vector<Slot> out;
  for (const CK_SLOT_ID id : ids) {
    Slot slot{id, {}};
    rv = module->C_GetTokenInfo(id, &slot.info);
    // A reader whose card was just pulled, or an unformatted one, is no reason to miss the others.
    if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED || rv == CKR_DEVICE_REMOVED) continue;
    if (rv != CKR_OK) return fail(call_error("C_GetTokenInfo", rv, subject));
    if ((slot.info.flags & CKF_TOKEN_INITIALIZED) != 0) out.push_back(slot);
  }
  return out;
}

Result<Slot> find_token(const Module& module, const Uri& uri) {
  auto all = list_tokens(module);
  if (!all) return fail(std::move(all.error()));
  std::vector<Slot> found;
  std::string others;
  for (const Slot& slot : *all) {
    CK_SLOT_INFO info{};
    if (module->C_GetSlotInfo(slot.id, &info) == CKR_OK && uri.matches_slot(slot.id, info) && uri.matches(slot.info)) {
      found.push_back(slot);
    }
    others += (others.empty() ? "" : ", ") + slot.label();
  }
  if (found.empty()) {
    return fail({Code::token_missing, "C_GetTokenInfo", uri.text(), "no token in any slot of " + module.path() +
                 " matches", others.empty() ? "the module has no initialised token" : "tokens there are: " + others});
  }
  if (found.size() > 1) {
    return fail({Code::config, "C_GetTokenInfo", uri.text(), std::to_string(found.size()) + " tokens match",
                 "add serial= to the URI"});
  }
  return found.front();
}

Result<Session> Session::open(const Module& module, CK_SLOT_ID slot, SessionUse use, std::string subject) {
  Session out;
  out.subject_ = std::move(subject);
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (use == SessionUse::read_write ? CKF_RW_SESSION : 0);
  const CK_RV rv = module->C_OpenSession(slot, flags, nullptr, nullptr, &out.handle_);
  if (rv != CKR_OK) return fail(call_error("C_OpenSession", rv, out.subject_));
  out.calls_ = module.calls();
  return out;
}

void Session::close() {
  if (calls_ != nullptr) calls_->C_CloseSession(handle_);
  calls_ = nullptr;
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::find(std::span<const CK_ATTRIBUTE> wanted) const {
  CK_RV rv = calls_->C_FindObjectsInit(handle_, const_cast<CK_ATTRIBUTE*>(wanted.data()), wanted.size());
  if (rv != CKR_OK) return fail(error("C_FindObjectsInit", rv));
  std::vector<CK_OBJECT_HANDLE> out;
  std::array<CK_OBJECT_HANDLE, 64> chunk{};
  CK_ULONG count = 0;
  do {
    rv = calls_->C_FindObjects(handle_, chunk.data(), chunk.size(), &count);
    if (rv == CKR_OK) out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<long>(count));
  } while (rv == CKR_OK && count > 0);
  calls_->C_FindObjectsFinal(handle_);
  if (rv != CKR_OK) return fail(error("C_FindObjects", rv));
  return out;
}

Result<Bytes> Session::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE wanted{type, nullptr, 0};
  CK_RV rv = calls_->C_GetAttributeValue(handle_, object, &wanted, 1);
  if (rv == CKR_OK && wanted.ulValueLen == static_cast<CK_ULONG>(-1)) rv = CKR_ATTRIBUTE_TYPE_INVALID;
  if (rv != CKR_OK) return fail(error("C_GetAttributeValue", rv));
  Bytes out(wanted.ulValueLen);
  wanted.pValue = out.data();
  rv = calls_->C_GetAttributeValue(handle_, object, &wanted, 1);
  if (rv != CKR_OK) return fail(error("C_GetAttributeValue", rv));
  out.resize(wanted.ulValueLen);
  return out;
}

Result<CK_ULONG> Session::number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_ULONG value = 0;
  CK_ATTRIBUTE wanted = attribute_of(type, value);
  const CK_RV rv = calls_->C_GetAttributeValue(handle_, object, &wanted, 1);
  if (rv != CKR_OK) return fail(error("C_GetAttributeValue", rv));
  return value;
}

bool Session::flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE wanted = attribute_of(type, value);
  return calls_->C_GetAttributeValue(handle_, object, &wanted, 1) == CKR_OK && value == CK_TRUE;
}

}  // namespace tlspool::keeper
