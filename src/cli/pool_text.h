// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace tlspool::cli {

/// tlspool.toml as `tlspool init` writes it, with a comment for every key. Pure.
struct PoolText {
  std::string name;
  std::string module;
  std::string token_uri;
};
[[nodiscard]] std::string pool_toml(const PoolText& pool);

/// identities/NAME.toml. Pure.
struct IdentityText {
  std::string name;
  std::string key;    ///< RFC 7512 URI
  std::string chain;  ///< file name, beside this one
  std::string token;
};
[[nodiscard]] std::string identity_toml(const IdentityText& identity);

/// The name as a file name: what could leave the directory or hide in it is percent-encoded. Pure.
[[nodiscard]] std::string file_name(std::string_view identity);
/// A TOML basic string with its quotes. Pure.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace tlspool::cli
