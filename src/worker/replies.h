// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "wire/json.h"
#include "worker/diagnosis.h"

namespace tlspool::worker {

/// What a program hears that no [[allow]] lets use an identity.
inline constexpr const char* may_not_use =
    "this program may not use the identity in this role, or there is none of this name; see [[allow]] in tlspool.toml(5) and `tlspool identity list`";

/// An error of io.tlspool.Pool, by its short name, as message text.
[[nodiscard]] std::string pool_error(std::string_view name, wire::Value parameters);
/// HandshakeFailed as message text.
[[nodiscard]] std::string failure_text(const HandshakeFailure& failure);
/// org.varlink.service.InvalidParameter as message text.
[[nodiscard]] std::string invalid_parameter(std::string_view name);

}  // namespace tlspool::worker
