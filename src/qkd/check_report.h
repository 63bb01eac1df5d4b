// SPDX-License-Identifier: Apache-2.0
// What `tlspool qkd check` found out. Pure.
#pragma once
#include <string>
#include <vector>

#include "wire/json.h"

namespace tlspool::qkd {

enum class Verdict { pass, fail, skipped };

struct CheckRow {
  std::string name;         ///< stable: "enc_keys-size"
  std::string requirement;  ///< what the standard wants, with its clause
  Verdict verdict = Verdict::pass;
  std::string expected;
  std::string came;         ///< never a key
};

[[nodiscard]] const char* text_of(Verdict verdict);
[[nodiscard]] bool any_failed(const std::vector<CheckRow>& rows);
/// A line a check, and one that counts them.
[[nodiscard]] std::string check_table(const std::vector<CheckRow>& rows);
[[nodiscard]] wire::Value check_json(const std::string& url, const std::vector<CheckRow>& rows);

}  // namespace tlspool::qkd
