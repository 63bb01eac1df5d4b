// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/log.h"
#include "keeper/certificates.h"
#include "keeper/make_token.h"
#include "wire/provision.h"

namespace tlspool::keeper {

inline constexpr const char* softhsm_module = "/usr/lib/softhsm/libsofthsm2.so";

/// A keeper's directory of its own with one SoftHSM2 token "tlspool"; the working directory is that directory.
class SoftHsm : public ::testing::Test {
 protected:
  void SetUp() override {
    log::start(log::Format::text, log::Level::error, "test");
    std::string name = std::filesystem::temp_directory_path() / "tlspool-keeper-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(directory_);
    unsetenv("SOFTHSM2_CONF");
    unsetenv("TLSPOOL_SLOW_TOKEN_MS");
    setenv("TLSPOOL_FAIL_TOKEN", (directory_ + "/fail").c_str(), 1);
    setenv("TLSPOOL_LOGIN_COUNT", (directory_ + "/logins").c_str(), 1);
    Modules modules;
    auto made = make_token(modules, {softhsm_module, "tlspool", "pin"});
    ASSERT_TRUE(made) << made.error().text();
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] wire::TokenSetup token() const {
    return {"default", softhsm_module, "pkcs11:token=tlspool", directory_ + "/pin", {}, 2};
  }
  /// The same, of this pool alone.
  [[nodiscard]] wire::TokenSetup alone() const {
    wire::TokenSetup out = token();
    out.shared = false;
    return out;
  }
  /// The module that counts, slows down and fails.
  [[nodiscard]] wire::TokenSetup shimmed() const {
    wire::TokenSetup out = token();
    out.module = TLSPOOL_SLOW_TOKEN;
    return out;
  }
  wire::KeyRow key(const std::string& label, wire::KeyType type, std::uint32_t bits = 2048) {
    Modules modules;
    auto made = make_key(modules, {token(), label, type, bits, false});
    EXPECT_TRUE(made) << made.error().text();
    return made ? *made : wire::KeyRow{};
  }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::ofstream(name) << text;
    chmod(name.c_str(), mode);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] int logins() const {
    int lines = 0;
    for (const char c : read("logins")) lines += c == '\n' ? 1 : 0;
    return lines;
  }

  std::string directory_;
  std::filesystem::path before_;
};

}  // namespace tlspool::keeper
