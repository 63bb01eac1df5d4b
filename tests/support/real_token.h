// SPDX-License-Identifier: Apache-2.0
// What every PKCS#11 module for tests does first: it stands before SoftHSM2.
#pragma once
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

/// Every function of the module at `path`; the caller then puts its own in place of some.
inline CK_RV load_real_token(const char* path, CK_FUNCTION_LIST& real) {
  static void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return CKR_LIBRARY_LOAD_FAILED;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* found = nullptr;
  if (get == nullptr) return CKR_LIBRARY_LOAD_FAILED;
  if (const CK_RV rv = get(&found); rv != CKR_OK) return rv;
  real = *found;
  return CKR_OK;
}

constexpr const char* softhsm = "/usr/lib/softhsm/libsofthsm2.so";
