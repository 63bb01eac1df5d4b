// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module that passes everything on to SoftHSM2, with seven ways to misbehave:
//   TLSPOOL_SLOW_TOKEN_MS  C_Sign takes that many milliseconds more
//   TLSPOOL_HOLD_TOKEN     while a file of that name exists, C_DestroyObject does not return (for 30 s at most)
//   TLSPOOL_HOLD_LOGIN     while a file of that name exists, C_Login does not return (for 30 s at most)
//   TLSPOOL_FAIL_TOKEN     while a file of that name exists, C_SignInit, C_Sign, C_OpenSession and C_DestroyObject fail
//                          with CKR_DEVICE_ERROR
//   TLSPOOL_REMOVED_TOKEN  while a file of that name exists, C_GetTokenInfo, C_SignInit, C_Sign and C_OpenSession fail with
//                          CKR_DEVICE_REMOVED
//   TLSPOOL_PIN_LOCKED     while a file of that name exists, C_Login fails with CKR_PIN_LOCKED
//   TLSPOOL_LOGIN_COUNT    a file that gets one line for each C_Login as the user: what it returned
// tlspool_most_signing() says how many C_Sign there have been at the same time.
// TLSPOOL_REAL_TOKEN names another module than the usual libsofthsm2.so.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "real_token.h"

namespace {

CK_FUNCTION_LIST real_calls;
CK_FUNCTION_LIST our_calls;

bool is_there(const char* variable) {
  const char* file = std::getenv(variable);
  return file != nullptr && access(file, F_OK) == 0;
}

bool failing() { return is_there("TLSPOOL_FAIL_TOKEN"); }
bool removed() { return is_there("TLSPOOL_REMOVED_TOKEN"); }

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) { return removed() ? CKR_DEVICE_REMOVED : real_calls.C_GetTokenInfo(slot, info); }

std::atomic<int> signing = 0;
std::atomic<int> most_signing = 0;

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  if (removed()) return CKR_DEVICE_REMOVED;
  if (failing()) return CKR_DEVICE_ERROR;
  return real_calls.C_SignInit(session, mechanism, key);
}

CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* out, CK_ULONG* out_size) {
  if (removed()) return CKR_DEVICE_REMOVED;
  if (failing()) return CKR_DEVICE_ERROR;
  const int now = ++signing;
  for (int most = most_signing; most < now && !most_signing.compare_exchange_weak(most, now);) {
  }
  if (const char* delay = std::getenv("TLSPOOL_SLOW_TOKEN_MS"); delay != nullptr && out != nullptr) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(delay)));
  }
  const CK_RV rv = real_calls.C_Sign(session, data, size, out, out_size);
  --signing;
  return rv;
}

void wait_while_there_is(const char* variable) {
  for (int n = 0; n < 15000 && is_there(variable); ++n) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  if (failing()) return CKR_DEVICE_ERROR;
  wait_while_there_is("TLSPOOL_HOLD_TOKEN");
  return real_calls.C_DestroyObject(session, object);
}

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
  if (removed()) return CKR_DEVICE_REMOVED;
  if (failing()) return CKR_DEVICE_ERROR;
  return real_calls.C_OpenSession(slot, flags, application, notify, session);
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
  wait_while_there_is("TLSPOOL_HOLD_LOGIN");
  const CK_RV rv = is_there("TLSPOOL_PIN_LOCKED") ? CKR_PIN_LOCKED : real_calls.C_Login(session, user, pin, size);
  if (const char* file = std::getenv("TLSPOOL_LOGIN_COUNT"); file != nullptr && user == CKU_USER) {
    std::ofstream(file, std::ios::app) << rv << '\n';
  }
  return rv;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  const char* path = std::getenv("TLSPOOL_REAL_TOKEN");
  if (const CK_RV rv = load_real_token(path != nullptr ? path : softhsm, real_calls); rv != CKR_OK) return rv;
  our_calls = real_calls;
  our_calls.C_GetFunctionList = &C_GetFunctionList;
  our_calls.C_GetTokenInfo = &get_token_info;
  our_calls.C_SignInit = &sign_init;
  our_calls.C_Sign = &sign;
  our_calls.C_OpenSession = &open_session;
  our_calls.C_Login = &login;
  our_calls.C_DestroyObject = &destroy_object;
  *list = &our_calls;
  return CKR_OK;
}

extern "C" __attribute__((visibility("default"))) int tlspool_most_signing() { return most_signing; }
