// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "qkd/audit_compare.h"
#include "qkd/audit_message.h"

namespace tlspool::qkd {

/// The keys of this site, with their check values under a nonce.
using RowsOf = std::function<Result<std::vector<wire::AuditRow>>(ByteView nonce)>;

/// The whole of an audit over a protected connection, until the deadline at the latest. The two sides take turns, so
/// that neither ever has to read and write at once. Errors: Code::timeout, closed, protocol, io, and what the other site
/// said when it gave up.
[[nodiscard]] Result<AuditReport> talk(int connection, AuditSide side, const RowsOf& rows_of,
                                       std::chrono::steady_clock::time_point deadline);

}  // namespace tlspool::qkd
