// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keeper/ck.h"

namespace tlspool::keeper {

/// One loaded and initialised PKCS#11 module.
class Module {
 public:
  /// Maps the library and calls C_Initialize with CKF_OS_LOCKING_OK. Code::token_missing where it can't be loaded.
  [[nodiscard]] static Result<std::unique_ptr<Module>> load(const std::string& path);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  /// C_Finalize and C_Initialize: every session and handle is gone afterwards. The library stays mapped, because
  /// the sandbox lets nothing become executable later. No other thread may be inside the module.
  [[nodiscard]] Status restart();
  [[nodiscard]] const std::string& path() const { return path_; }
  CK_FUNCTION_LIST* operator->() const { return calls_; }
  [[nodiscard]] CK_FUNCTION_LIST* calls() const { return calls_; }

 private:
  Module(std::string path, CK_FUNCTION_LIST* calls) : path_(std::move(path)), calls_(calls) {}
  std::string path_;
  CK_FUNCTION_LIST* calls_;
  bool initialized_ = true;
};

/// The modules of a process, each loaded once however many tokens it has.
class Modules {
 public:
  [[nodiscard]] Result<Module*> get(const std::string& path);

 private:
  std::map<std::string, std::unique_ptr<Module>> loaded_;
};

}  // namespace tlspool::keeper
