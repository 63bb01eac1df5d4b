// SPDX-License-Identifier: Apache-2.0
#include "keeper/module.h"

#include <dlfcn.h>

namespace tlspool::keeper {
namespace {

Error load_error(const std::string& path) {
  const char* message = p11_kit_message();
  return {Code::token_missing, "p11_kit_module_load", path, message != nullptr ? message : "not a PKCS#11 module",
          "check `module` of the [[token]]; a module that a reload adds is loaded at the next start"};
}

// Not p11_kit_module_initialize: for an unmanaged module it passes no arguments, and a module that is told of no
// threads (SoftHSM, for one) leaves its locks out.
CK_RV initialize(CK_FUNCTION_LIST* calls) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  return calls->C_Initialize(&arguments);
}

}  // namespace

Result<std::unique_ptr<Module>> Module::load(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return fail({Code::config, "p11_kit_module_load", path, "not an absolute path", {}});
  }
  // Unmanaged: p11-kit's wrapper would put a lock and a session table around every call.
  CK_FUNCTION_LIST* calls = p11_kit_module_load(path.c_str(), P11_KIT_MODULE_UNMANAGED);
  if (calls == nullptr) return fail(load_error(path));
  // Modules with a libcrypto of their own leave exit handlers behind, which must not be unmapped.
  (void)dlopen(path.c_str(), RTLD_NOLOAD | RTLD_NOW | RTLD_NODELETE);
  const CK_RV rv = initialize(calls);
  if (rv != CKR_OK) {
    p11_kit_module_release(calls);
    Error e = call_error("C_Initialize", rv, "module=" + path);
    e.code = Code::token_missing;
    return fail(std::move(e));
  }
  return std::unique_ptr<Module>(new Module(path, calls));
}

Module::~Module() {
  if (initialized_) (void)calls_->C_Finalize(nullptr);
  p11_kit_module_release(calls_);
}

Status Module::restart() {
  if (initialized_) {
    // What it says about its end is of no use: the device may be gone.
    (void)calls_->C_Finalize(nullptr);
    initialized_ = false;
  }
  const CK_RV rv = initialize(calls_);
  if (rv != CKR_OK) return fail(call_error("C_Initialize", rv, "module=" + path_));
  initialized_ = true;
  return {};
}

Result<Module*> Modules::get(const std::string& path) {
  if (const auto known = loaded_.find(path); known != loaded_.end()) return known->second.get();
  auto loaded = Module::load(path);
  if (!loaded) return fail(std::move(loaded.error()));
  return loaded_.emplace(path, std::move(*loaded)).first->second.get();
}

}  // namespace tlspool::keeper
