// SPDX-License-Identifier: Apache-2.0
// The URLs of ETSI GS QKD 014: /api/v1/keys/SAE/status, enc_keys and dec_keys, with their queries. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "etsi014/messages.h"

namespace tlspool::qkd {

struct Target {
  etsi014::Operation operation = etsi014::Operation::status;
  std::string sae;
  std::vector<std::pair<std::string, std::string>> query;  ///< percent-decoded
};
/// Nothing where the target is no URL of the standard.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);
/// What GET .../enc_keys?number=&size= asks for. Code::protocol.
[[nodiscard]] Result<etsi014::KeyRequest> key_request_of(const Target& target);
/// What GET .../dec_keys?key_ID= asks for. Code::protocol.
[[nodiscard]] Result<std::vector<std::string>> key_ids_of(const Target& target);

}  // namespace tlspool::qkd
