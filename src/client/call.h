// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "wire/varlink.h"

namespace tlspool::client {

inline constexpr std::chrono::milliseconds call_timeout{10'000};

/// One call to the service on the Unix socket `socket` (config::Paths), with idle connections kept and
/// reused. `method` is the full name; `descriptors` are borrowed; those of the answer go to `received`, or
/// are closed where that is null. An error of the service is an Answer, not an Error. Errors: Code::not_found
/// (no pool answers there), denied, closed (it went away), timeout, protocol, io.
[[nodiscard]] Result<wire::Answer> call(const std::string& socket, std::string_view method, wire::Value parameters,
                                        std::span<const int> descriptors = {},
                                        std::vector<UniqueFd>* received = nullptr,
                                        std::chrono::milliseconds timeout = call_timeout);

/// What an error answer says to people: its message, the parameter at fault, or its name.
[[nodiscard]] std::string message_of(const wire::Answer& answer);

}  // namespace tlspool::client
